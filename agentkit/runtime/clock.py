"""Today's date and time, as an agent sees it: recorded, so that a replay sees the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from .journal import Journal


class Clock:
    """Reads the time through the journal."""

    def __init__(self, journal: Journal, now: Callable[[], datetime] | None = None) -> None:
        self._journal = journal
        self._now = now or (lambda: datetime.now().astimezone())

    async def now(self) -> datetime:
        """Return the local time, with its zone."""

        async def fetch() -> str:
            return self._now().isoformat()

        return datetime.fromisoformat(await self._journal.read("clock", {}, fetch))
