"""What happened in a browser session beside the actions: dialogs, blocked hosts, downloads, crashes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["dialog", "blocked", "download", "crash", "console", "tab", "navigation", "video"]


@dataclass(frozen=True)
class BrowserEvent:
    """One thing that happened. ``text`` is a line for people and models; its words may be the page's own."""

    kind: Kind
    text: str
    data: dict[str, Any] = field(default_factory=dict)


class EventLog:
    """The events of a session, in order. ``listener`` is called with each as it happens, ``redact`` before it."""

    def __init__(
        self,
        listener: Callable[[BrowserEvent], None] | None = None,
        limit: int = 1000,
        *,
        redact: Callable[[Any], Any] | None = None,
    ) -> None:
        self.items: list[BrowserEvent] = []
        self.total = 0
        self._listener, self._redact = listener, redact
        self._limit = limit

    def add(self, kind: Kind, text: str, **data: Any) -> None:
        """Record an event. The oldest are forgotten above the limit (a page may log without end)."""
        if self._redact is not None:
            text, data = self._redact(text), self._redact(data)
        event = BrowserEvent(kind, text, data)
        self.items.append(event)
        self.total += 1
        del self.items[: -self._limit]
        if self._listener is not None:
            self._listener(event)

    def since(self, mark: int) -> list[BrowserEvent]:
        """Return what was recorded after ``mark``, an earlier value of ``total``."""
        new = self.total - mark
        return self.items[-new:] if new > 0 else []
