"""Pages where the way matters: one link leads on, others lead away; it counts what was asked and what was sent."""

from __future__ import annotations

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HALL = """<!doctype html><title>Hall</title><h1>Hall</h1>
<a href="/cellar">Door A</a> <a href="/garden">Door B</a> <a href="/order">Door C</a> <button>Nothing</button>"""
CELLAR = '<!doctype html><title>Cellar</title><p>Dark.</p><a href="/">Out</a>'
GARDEN = '<!doctype html><title>Garden</title><p>Green.</p><a href="/treasure">Gate</a> <a href="/">Out</a>'
TREASURE = "<!doctype html><title>Treasure</title><h1>The treasure is here</h1>"
# A button that posts, and one that a script makes post.
ORDER = """<!doctype html><title>Order</title><form method="post" action="/sent"><button>Go on</button></form>
<button onclick="fetch('/sent', {method: 'POST'}); document.title = 'Told'">Tell</button>
<button onclick="navigator.sendBeacon('/sent', 'x')">Signal</button> <a href="/cellar">Away</a>
<script>addEventListener('pagehide', () => navigator.sendBeacon('/left', 'x'))</script>"""
# Another page each time, in words: it can't be opened a second time.
ODD = '<!doctype html><title>Odd</title><p>Word {0}</p><a href="/">Door A</a> <a href="/garden">Door B</a>'
# What is on it changes with each visit, by itself.
CLOCK = """<!doctype html><title>Clock</title><p>It is 12:00:{0:02}. Visitor {0}. Loaded {0} seconds ago.</p>
<a href="/clock">Again</a>"""
# Dialogs and fields that are undone without leaving the page; what is only in the page's memory.
PANEL = """<!doctype html><title>Panel</title><label>Name <input name="name"></label>
<button onclick="document.getElementById('list').hidden = true">Hide the list</button>
<button onclick="this.nextSibling.textContent = ++window.n" data-n>Count</button><b>0</b>
<div id="list"><button onclick="document.title = 'Picked'">Pick the apple</button></div>
<script>window.n = 0</script>"""


class Maze:
    """The server. ``asked`` holds the paths of GETs, ``sent`` those of POSTs."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.sent: list[str] = []
        maze, visits = self, itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                maze.asked.append(path)
                pages = {"/": HALL, "/cellar": CELLAR, "/garden": GARDEN, "/treasure": TREASURE}
                pages["/odd"] = ODD.format("ab"[len(maze.asked) % 2] * 3)
                pages |= {"/order": ORDER, "/panel": PANEL, "/clock": CLOCK.format(next(visits) % 60)}
                body = pages.get(path)
                return self.send_error(404) if body is None else self._say(body)

            def do_POST(self) -> None:
                maze.sent.append(self.path)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._say("<!doctype html><title>Sent</title>")

            def _say(self, body: str) -> None:
                data = body.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Maze:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"
