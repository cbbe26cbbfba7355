"""An episode: a page that somebody else sets up, and that ends by somebody else's rules (a benchmark, a test)."""

from __future__ import annotations

from typing import Protocol

from ...tools.browser import BrowserSession, SessionConfig


class Episode(Protocol):
    """How the agent gets to its page, and how it learns that there is nothing more to do.

    ``open`` must give the same page each time: a resumed run opens it again and repeats its actions.
    """

    @property
    def config(self) -> SessionConfig:
        """How the browser session is set up."""
        ...

    async def open(self, session: BrowserSession) -> None:
        """Bring the session to the start of the episode."""
        ...

    async def over(self, session: BrowserSession) -> bool:
        """Say whether the episode has ended, without saying how well."""
        ...
