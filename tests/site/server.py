"""A small local site on loopback; it counts what reaches it, outside of the browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from . import bad, feed, inject, registration, shop

PAGES = Path(__file__).parent / "pages"


@dataclass
class Log:
    """What reached the server: (method, path) and the bodies of forms."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def paths(self) -> list[str]:
        return [path for _, path in self.requests]


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args, site: Site, **kwargs) -> None:
        self.site, self.log = site, site.log
        super().__init__(*args, **kwargs)

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        self.log.requests.append(("GET", self.path))
        query = parse_qs(split.query)
        made = self.site.page(split.path, _first(query))
        if made is not None:
            return self._say(made)
        match split.path:
            case "/slow":
                time.sleep(float(query["seconds"][0]))
                self._say("<title>Slow</title><p>Here at last</p>")
            case "/never":
                self.log.release.wait(30)
            case "/half":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", "100000")
                self.end_headers()
                self.wfile.write(b"<title>Half</title><p>The first half</p><button>Early</button>")
                self.wfile.flush()
                self.log.release.wait(30)
            case "/error":
                self._say("<title>Oops</title><p>It broke</p>", status=500)
            case "/redirect":
                self._say("", status=302, headers={"Location": query["to"][0]})
            case "/download":
                self._say(
                    "a,b\n1,2\n",
                    headers={
                        "Content-Disposition": 'attachment; filename="../../data.csv"',
                        "Content-Type": "text/csv",
                    },
                )
            case _:
                super().do_GET()
        return None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
        path, _, query = self.path.partition("?")
        self.log.requests.append(("POST", self.path))
        self.log.forms.append(parse_qs(body))
        if path == "/register" or (path == "/" and self.site.in_place):
            return self._register(_first(parse_qs(body)))
        if path == "/upload":
            self.site.uploaded.append(body)
        answer = shop.done(path, _first(parse_qs(body)), self.site.effects)
        if answer is not None and answer.startswith("/"):
            return self._say("", status=303, headers={"Location": answer})
        self.log.release.wait(float(parse_qs(query).get("wait", ["0"])[0]))
        return self._say(answer or "<meta charset=utf-8><title>Thanks</title><h1>Thank you</h1>")

    def _register(self, form: dict[str, str]) -> None:
        self.site.received.append(form)
        if self.site.on_post is not None:
            self.site.on_post()
        if self.site.in_place:
            return self._say(registration.THANKS)
        return self._say("", status=303, headers={"Location": "/thanks", "Set-Cookie": "registered=yes"})

    def _say(self, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        data = text.encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "text/html",
            **(headers or {}),
            "Content-Length": str(len(data)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    connections = 0

    def get_request(self) -> tuple[Any, Any]:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: object, client_address: object) -> None:
        return


class Site:
    """The site on loopback. ``url`` names it by address, ``localhost`` by name: two different sites.

    ``received`` holds the registrations that arrived; ``on_post`` is called with each before it is answered.
    ``effects`` holds what was done in the shop, ``uploaded`` the bodies of uploads.
    """

    def __init__(self) -> None:
        self.log = Log()
        self.effects = shop.Effects()
        self.received: list[dict[str, str]] = []
        self.uploaded: list[str] = []
        self.on_post: Callable[[], object] | None = None
        self.in_place = self.scripted = False
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, site=self, directory=str(PAGES)))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.localhost = f"http://localhost:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were made, whatever was sent on them."""
        return self._server.connections

    def page(self, path: str, query: Mapping[str, str]) -> str | None:
        """Return a page that is made when it is asked for, None for one that lies in a file."""
        return (
            registration.page(path, scripted=self.scripted, in_place=self.in_place)
            or shop.page(path, query, self.effects)
            or bad.page(path, query)
            or feed.page(path, query)
            or inject.page(path, query)
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.log.release.set()
        self._server.shutdown()
        self._server.server_close()


def _first(fields: Mapping[str, list[str]]) -> dict[str, str]:
    return {key: values[0] for key, values in fields.items()}
