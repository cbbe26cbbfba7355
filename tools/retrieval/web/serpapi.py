"""SerpApi: Google's results, pictures and Lens (the service that OmniSearch and MMSearch-R1 were run with)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..fetch import Fetched, Fetcher
from ..source import Capability, Query
from .service import Hit, WebSearch, items, public_url

_LISTS = {"google": "organic_results", "google_images": "images_results", "google_lens": "visual_matches"}


class SerpApi(WebSearch):
    name = "serpapi"
    base = "https://serpapi.com"
    key_env = "SERPAPI_API_KEY"
    capabilities: frozenset[Capability] = frozenset({"text->text", "text->image", "image->image"})

    async def ask(self, fetcher: Fetcher, query: Query, k: int) -> Fetched:
        given: dict[str, Any] = {"engine": _engine(query), "api_key": self._key}
        if query.image is not None:
            given["url"] = public_url(self.name, query)
        else:
            given |= {"q": query.text, "num": k}
        return await fetcher.get(f"{self._base}/search.json", params=given)

    def hits(self, answer: Any, query: Query) -> Iterable[Hit]:
        pictures = _engine(query) != "google"
        for item in items(answer, _LISTS[_engine(query)]):
            yield Hit(
                url=item["link"],
                title=item.get("title") or "",
                text=item.get("snippet") or "",
                date=item.get("date"),
                picture=(item.get("original") or item.get("image") or item.get("thumbnail"))
                if pictures
                else None,
            )


def _engine(query: Query) -> str:
    if query.image is not None:
        return "google_lens"
    return "google_images" if query.want == "image" else "google"
