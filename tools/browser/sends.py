"""What scripts of a page send during an action: requests that may change something at the server."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Frame, Request

READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Beacons and pings are for statistics: nobody waits for their answers.
_BY_SCRIPT = frozenset({"fetch", "xhr"})


class Sends:
    """The requests of the current action that scripts made and that do not just read.

    Two kinds are not the action's: those of a document that came during it, and those to an address that the page was
    already sending to of itself (it asks its server again and again).
    """

    def __init__(self) -> None:
        self.sent = False
        self._open: set[Request] = set()
        self._earlier: set[Request] = set()
        self._polled: set[str] = set()
        self._new: set[Frame] = set()

    def begin(self, inflight: Collection[Request]) -> None:
        """Mark the start of an action; ``inflight`` are the requests that are under way."""
        self._polled = {_address(r) for r in inflight if _by_script(r) and r not in self._open}
        self._earlier = set(self._open)
        self._new.clear()
        self.sent = False

    def add(self, request: Request) -> None:
        """Take notice of a request."""
        if not _by_script(request) or _address(request) in self._polled or frame_of(request) in self._new:
            return
        self._open.add(request)
        self.sent = True

    def discard(self, request: Request) -> None:
        """A request is answered or has failed."""
        self._open.discard(request)

    def close(self, frame: Frame) -> None:
        """A frame has a new document: what it sends from now on is its own doing."""
        self._new.add(frame)

    def waiting(self) -> bool:
        """Say whether a request of the current action has no answer yet."""
        return bool(self._open - self._earlier)


def reads(request: Request) -> bool:
    """Say whether a request only asks for something, by its method."""
    return request.method in READS


def frame_of(request: Request) -> Frame | None:
    """Return the frame that a request is for; None while it is the first of a new tab."""
    from playwright.async_api import Error

    try:
        return request.frame
    except Error:
        return None


def _by_script(request: Request) -> bool:
    return request.resource_type in _BY_SCRIPT and not reads(request)


def _address(request: Request) -> str:
    return request.url.partition("?")[0]
