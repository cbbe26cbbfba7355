"""Wikipedia, by its own search: the introductions of the articles that fit. No key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..fetch import Fetched, Fetcher
from ..source import Query
from .service import Hit, WebSearch, day


class Wikipedia(WebSearch):
    """The Wikipedia of one ``language`` (its code)."""

    name = "wikipedia"
    base = "https://{language}.wikipedia.org"

    def __init__(self, language: str = "en", *, base: str | None = None, **options: Any) -> None:
        super().__init__(base=base, **options)
        self._base = self._base.format(language=language)

    async def ask(self, fetcher: Fetcher, query: Query, k: int) -> Fetched:
        given = {
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "generator": "search",
            "gsrsearch": query.text,
            "gsrlimit": k,
            "prop": "extracts|info|pageimages",
            "inprop": "url",
            "exintro": 1,
            "explaintext": 1,
            "exlimit": "max",
            "piprop": "original",
        }
        return await fetcher.get(f"{self._base}/w/api.php", params=given)

    def hits(self, answer: Any, query: Query) -> Iterable[Hit]:
        # Without a match the answer has no query at all.
        pages = answer.get("query", {}).get("pages", [])
        for page in sorted(pages, key=lambda page: page["index"]):
            picture = (page.get("original") or {}).get("source")
            if query.want == "image" and picture is None:
                continue
            yield Hit(
                url=page["fullurl"],
                title=page["title"],
                text=page.get("extract") or "",
                date=day(page.get("touched")),
                picture=picture if query.want == "image" else None,
            )
