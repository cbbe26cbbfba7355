"""Brave Search API."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..fetch import Fetched, Fetcher
from ..source import Query
from .service import Hit, WebSearch, day, items

_MARKS = re.compile(r"</?strong>")


class Brave(WebSearch):
    name = "brave"
    base = "https://api.search.brave.com/res/v1"
    key_env = "BRAVE_API_KEY"

    async def ask(self, fetcher: Fetcher, query: Query, k: int) -> Fetched:
        kind = "images" if query.want == "image" else "web"
        given = {"q": query.text, "count": min(k, 20)}
        key = {"X-Subscription-Token": self._key, "Accept": "application/json"}
        return await fetcher.get(f"{self._base}/{kind}/search", params=given, headers=key)

    def hits(self, answer: Any, query: Query) -> Iterable[Hit]:
        if query.want == "image":
            for item in items(answer, "results"):
                picture = (item.get("properties") or {}).get("url") or (item.get("thumbnail") or {}).get(
                    "src"
                )
                yield Hit(url=item["url"], title=item.get("title") or "", picture=picture)
            return
        for item in items(answer, "web", "results"):
            said = " ".join([item.get("description") or "", *(item.get("extra_snippets") or [])])
            yield Hit(item["url"], item.get("title") or "", _MARKS.sub("", said), day(item.get("page_age")))
