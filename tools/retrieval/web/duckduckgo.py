"""Public search engines without a key, through ddgs, which reads their result pages."""

from __future__ import annotations

import asyncio
from typing import Any

from agentkit.errors import MissingExtra, ToolError

from ..fetch import Manners
from ..source import Capability, Passage, Query, require
from .service import Hit, day, passages

DELAY = 1.0


class Ddgs:
    """ddgs as a ``Source``; ``backend``: the engines it asks (``auto``: several, until one answers); ``proxy``: a URL."""

    name = "ddgs"
    capabilities: frozenset[Capability] = frozenset({"text->text", "text->image"})

    def __init__(
        self, *, backend: str = "auto", seconds: int = 10, retries: int = 1, proxy: str | None = None
    ) -> None:
        self._backend, self._seconds, self._retries, self._proxy = backend, seconds, retries, proxy
        self._manners = Manners()

    async def search(self, query: Query, k: int = 5) -> list[Passage]:
        """Return at most ``k`` results; see ``Source``."""
        require(self, query)
        found = await self._asked(query, k, self._retries)
        return passages(self.name, [_hit(item, query) for item in found[:k]])

    async def _asked(self, query: Query, k: int, retries: int) -> list[dict[str, Any]]:
        await self._manners.wait(self.name, DELAY)
        try:
            return await asyncio.to_thread(self._ask, query, k)
        except ToolError:
            if not retries:
                raise
        return await self._asked(query, k, retries - 1)

    def _ask(self, query: Query, k: int) -> list[dict[str, Any]]:
        try:
            from ddgs import DDGS
            from ddgs.exceptions import DDGSException
        except ImportError as error:
            raise MissingExtra("ddgs", "retrieval") from error
        try:
            with DDGS(timeout=self._seconds, proxy=self._proxy) as engine:
                search = engine.images if query.want == "image" else engine.text
                return list(search(query.text or "", max_results=k, backend=self._backend))
        except DDGSException as error:
            if "no results" in str(error).lower():
                return []
            raise ToolError(f"ddgs has no answer: {error}") from error


def _hit(item: dict[str, Any], query: Query) -> Hit:
    if query.want == "image":
        return Hit(item.get("url") or "", item.get("title") or "", picture=item.get("image"))
    return Hit(item.get("href") or "", item.get("title") or "", item.get("body") or "", day(item.get("date")))
