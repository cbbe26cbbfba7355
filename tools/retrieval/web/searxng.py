"""SearXNG, a metasearch engine that people host themselves (its JSON format has to be switched on)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentkit.errors import ToolError

from ..fetch import Fetched, Fetcher
from ..source import Query
from .service import Hit, WebSearch, day, items


class SearxNG(WebSearch):
    name = "searxng"
    base = "http://localhost:8080"

    def __init__(self, base: str | None = None, **options: Any) -> None:
        super().__init__(base=base or self.base, **options)

    async def ask(self, fetcher: Fetcher, query: Query, k: int) -> Fetched:
        category = "images" if query.want == "image" else "general"
        given = {"q": query.text, "format": "json", "categories": category}
        found = await fetcher.get(f"{self._base}/search", params=given)
        if found.media_type == "text/html":
            raise ToolError(
                "this SearXNG gives no JSON", mend="add json to search.formats of its settings.yml"
            )
        return found

    def hits(self, answer: Any, query: Query) -> Iterable[Hit]:
        for item in items(answer, "results"):
            yield Hit(
                url=item["url"],
                title=item.get("title") or "",
                text=item.get("content") or "",
                date=day(item.get("publishedDate")),
                picture=(item.get("img_src") or None) if query.want == "image" else None,
            )
