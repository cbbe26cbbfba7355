"""A web server on loopback that answers as it is told, also badly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """What to answer: status, body, headers; ``cut``: close the connection after the headers."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Asked:
    """A request that was made."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Routes by path (without the query); a route is an answer, a list of answers in turn, or a function."""

    def __init__(self) -> None:
        self.routes: dict[str, Answer | list[Answer] | Callable[[Asked], Answer]] = {}
        self.asked: list[Asked] = []
        self.url = ""
        self.place = ""

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        route = self.routes.get(asked.path.partition("?")[0], Answer(status=404))
        if isinstance(route, list):
            return route.pop(0) if len(route) > 1 else route[0]
        return route if isinstance(route, Answer) else route(asked)


@contextmanager
def serving() -> Iterator[Server]:
    """Serve on a free port of loopback."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            answer = server.answer(Asked(self.command, self.path, dict(self.headers), body))
            self.send_response(answer.status)
            for name, value in {"content-type": "text/html", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if not answer.cut:
                self.wfile.write(answer.body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    server.place = f"127.0.0.1:{httpd.server_port}"
    server.url = f"http://{server.place}"
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
