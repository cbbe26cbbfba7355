"""Tavily."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..fetch import Fetched, Fetcher
from ..source import Query
from .service import Hit, WebSearch, day, items


class Tavily(WebSearch):
    name = "tavily"
    base = "https://api.tavily.com"
    key_env = "TAVILY_API_KEY"

    async def ask(self, fetcher: Fetcher, query: Query, k: int) -> Fetched:
        given: dict[str, Any] = {"query": query.text, "max_results": min(k, 20)}
        if query.want == "image":
            given |= {"include_images": True, "include_image_descriptions": True}
        key = {"Authorization": f"Bearer {self._key}"}
        return await fetcher.post(f"{self._base}/search", json=given, headers=key)

    def hits(self, answer: Any, query: Query) -> Iterable[Hit]:
        if query.want == "image":
            # Pictures come without the pages that they are on.
            for item in items(answer, "images"):
                yield Hit(url=item["url"], text=item.get("description") or "", picture=item["url"])
            return
        for item in items(answer, "results"):
            date = day(item.get("published_date"))
            yield Hit(item["url"], item.get("title") or "", item.get("content") or "", date)
