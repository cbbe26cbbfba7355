"""The pages of the ``miniwob`` package over HTTP on loopback."""

from __future__ import annotations

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from agentkit.errors import MissingExtra


def pages() -> Path:
    """Return the folder of the pages, found without importing the package (which needs gymnasium).

    Raises ``MissingExtra`` when it is not installed.
    """
    spec = find_spec("miniwob")
    folder = Path(spec.origin).parent / "html" if spec and spec.origin else None
    if folder is None or not folder.is_dir():
        raise MissingExtra("miniwob", "evals")
    return folder


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    # The pages do not say it, and a browser's guess garbles the names in unicode-test.
    def guess_type(self, path: str | os.PathLike[str]) -> str:
        kind = super().guess_type(path)
        return f"{kind}; charset=utf-8" if kind in ("text/html", "text/javascript") else kind

    def log_message(self, format: str, *args: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that closes a connection early is no news."""


class MiniWobServer:
    """Serves the pages from a thread, at a free port. Use it as a context manager."""

    def __init__(self) -> None:
        handler = partial(_Quiet, directory=str(pages()))
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address of the server, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def page(self, task: str) -> str:
        """Return the URL of a task's page."""
        return f"{self.url}/miniwob/{task}.html"
