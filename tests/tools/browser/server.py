"""A small local site with pages that behave badly in known ways; it counts what reaches it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

SITE = Path(__file__).parent / "site"


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

    def __init__(self, *args, log: Log, **kwargs) -> None:
        self.log = log
        super().__init__(*args, **kwargs)

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        self.log.requests.append(("GET", self.path))
        query = parse_qs(split.query)
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

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.log.requests.append(("POST", self.path))
        self.log.forms.append(parse_qs(body))
        self.log.release.wait(float(parse_qs(urlsplit(self.path).query).get("wait", ["0"])[0]))
        self._say("<meta charset=utf-8><title>Thanks</title><h1>Thank you</h1>")

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

    def handle_error(self, request: object, client_address: object) -> None:
        return


class Site:
    """The site on loopback. ``url`` names it by address, ``localhost`` by name: two different sites."""

    def __init__(self) -> None:
        self.log = Log()
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, log=self.log, directory=str(SITE)))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.localhost = f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.log.release.set()
        self._server.shutdown()
        self._server.server_close()
