"""The one synchronous facade: coroutines run on a loop of their own in a background thread.

One loop for all calls, because HTTP clients and browsers belong to the loop that made them. It also works where
a loop is already running, as in a notebook.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result; Ctrl-C cancels it and waits until it has tidied up."""
    future = asyncio.run_coroutine_threadsafe(work, _background())
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        raise


def _background() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="agentkit", daemon=True).start()
        return _loop
