"""Serper: Google's results, pictures and Lens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..fetch import Fetched, Fetcher
from ..source import Capability, Query
from .service import Hit, WebSearch, items, public_url


class Serper(WebSearch):
    name = "serper"
    base = "https://google.serper.dev"
    key_env = "SERPER_API_KEY"
    capabilities: frozenset[Capability] = frozenset({"text->text", "text->image", "image->image"})

    async def ask(self, fetcher: Fetcher, query: Query, k: int) -> Fetched:
        key = {"X-API-KEY": self._key}
        if query.image is not None:
            given = {"url": public_url(self.name, query)}
            return await fetcher.post(f"{self._base}/lens", json=given, headers=key)
        kind = "images" if query.want == "image" else "search"
        return await fetcher.post(f"{self._base}/{kind}", json={"q": query.text, "num": k}, headers=key)

    def hits(self, answer: Any, query: Query) -> Iterable[Hit]:
        pictures = query.image is not None or query.want == "image"
        for item in items(answer, "images" if query.image is None and pictures else "organic"):
            yield Hit(
                url=item["link"],
                title=item.get("title") or "",
                text=item.get("snippet") or "",
                date=item.get("date"),
                picture=(item.get("imageUrl") or item.get("thumbnailUrl")) if pictures else None,
            )
