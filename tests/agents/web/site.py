"""A site of two pages that counts what is sent to it: the judge of "done twice" stands outside the browser."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

FORM = """<!doctype html><title>Registration</title><h1>Register</h1>
<form method="post" action="/register">
<label>Name <input name="name"></label><label>City <input name="city"></label>
<button>Register</button></form><a href="/about">About</a>"""
THANKS = "<!doctype html><title>Thank you</title><h1>Thank you</h1><p>We have your registration.</p>"
# A script sends the form, and what is liked.
SCRIPTED = """<!doctype html><title>Registration</title><h1>Register</h1>
<label>Name <input id="name"></label><button onclick="send('name=' + document.getElementById('name').value)">Register</button>
<button onclick="send('liked=1')">Like</button><p id="out">Nothing was sent</p>
<script>function send(body) { fetch('/register', {method: 'POST', redirect: 'manual', body}).then(
  () => { document.getElementById('out').textContent = 'Thank you'; }); }</script>"""
ABOUT = '<!doctype html><title>About</title><p>A place.</p><a href="/">Back</a>'


class Site:
    """The server. ``received`` holds the forms that arrived; ``on_post`` is called with each before it is answered.

    With ``in_place`` the answer comes at the form's own address, without a redirect; with ``scripted`` a script
    sends it.
    """

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        self.on_post: Callable[[], object] | None = None
        self.in_place = self.scripted = False
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                pages = {"/": FORM, "/thanks": THANKS, "/about": ABOUT}
                body = pages.get(self.path.partition("?")[0])
                if body is FORM and site.scripted:
                    body = SCRIPTED
                if body is FORM and site.in_place:
                    body = FORM.replace("/register", "/")
                if body is None:
                    return self.send_error(404)
                return self._send(200, body)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = parse_qs(self.rfile.read(length).decode())
                site.received.append({key: values[0] for key, values in form.items()})
                if site.on_post is not None:
                    site.on_post()
                if site.in_place:
                    return self._send(200, THANKS)
                self.send_response(303)
                self.send_header("Location", "/thanks")
                self.send_header("Set-Cookie", "registered=yes")
                self.send_header("Content-Length", "0")
                return self.end_headers()

            def _send(self, status: int, body: str) -> None:
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A browser that is killed breaks its connections off; that is what these tests do."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"
