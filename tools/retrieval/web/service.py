"""What all web searches have in common: the key, the request, the answer checked, hits to passages."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from agentkit.errors import ToolError, UsageError

from ..fetch import Fetched, Fetcher, FetchPolicy, Manners
from ..source import Capability, Passage, Query, require

# Answers are small; what is larger is no answer.
LARGEST = 5_000_000


@dataclass(frozen=True)
class Hit:
    """One result: its page, what is said of it, its date (ISO 8601 or as the service words it), a picture's URL."""

    url: str
    title: str = ""
    text: str = ""
    date: str | None = None
    picture: str | None = None


class WebSearch(ABC):
    """A search service, which is a ``Source``. A new one says what to ask and how to read the answer.

    ``key``: left out, the environment variable ``key_env``. ``base``: the service's address, if it is not the usual
    one. Raises ``UsageError`` when a key is needed and there is none. Searching raises ``ToolError`` when the service
    is down, refuses, limits the rate (after what ``Retry-After`` asks for, when that is short) or answers garbage.
    """

    name: str
    base: str
    key_env: str | None = None
    capabilities: frozenset[Capability] = frozenset({"text->text", "text->image"})

    def __init__(
        self, *, key: str | None = None, base: str | None = None, policy: FetchPolicy | None = None
    ) -> None:
        self._key = key or (os.environ.get(self.key_env, "") if self.key_env else "")
        if self.key_env and not self._key:
            raise UsageError(f"{self.name} needs a key", mend=f"set {self.key_env}")
        self._base = (base or self.base).rstrip("/")
        given = policy or FetchPolicy(delay=1.0, seconds=30.0)
        allow = given.allow
        if base is not None:
            # Whoever names an address means it, also on this machine.
            allow = allow | {urlsplit(base).netloc.rpartition("@")[2].lower()}
        self._policy = replace(given, allow=allow, max_bytes=LARGEST, types=("",))
        self._manners = Manners()

    async def search(self, query: Query, k: int = 5) -> list[Passage]:
        """Return at most ``k`` results in the service's order; see ``Source``."""
        require(self, query)
        async with Fetcher(self._policy, self._manners) as fetcher:
            answer = await self.ask(fetcher, query, k)
        try:
            hits = [hit for hit in self.hits(json.loads(answer.data), query) if hit.url]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ToolError(f"{self.name} answered something that is no result list") from error
        return passages(self.name, hits[:k])

    @abstractmethod
    async def ask(self, fetcher: Fetcher, query: Query, k: int) -> Fetched:
        """Make the request."""

    @abstractmethod
    def hits(self, answer: Any, query: Query) -> Iterable[Hit]:
        """Return the results of an answer; a wrong shape may raise ``KeyError`` and the like."""


def passages(source: str, hits: Iterable[Hit]) -> list[Passage]:
    """Return results as passages; the score falls with the rank, which is all that services tell."""
    return [
        Passage(
            id=f"{source}:{hashlib.sha256(f'{hit.url} {hit.picture}'.encode()).hexdigest()[:16]}",
            source=source,
            text=(hit.text or hit.title).strip(),
            title=hit.title.strip(),
            document=hit.url,
            date=hit.date,
            score=1.0 / rank,
            picture=hit.picture,
        )
        for rank, hit in enumerate(hits, start=1)
    ]


def day(value: Any) -> str | None:
    """Return the day of an ISO 8601 date or time, None for anything else."""
    text = str(value or "")[:10]
    return text if len(text) == 10 and text[4] == text[7] == "-" and text[:4].isdigit() else None


def public_url(source: str, query: Query) -> str:
    """Return the URL of a query's picture. Raises ``ToolError`` when there is none: pictures are not sent anywhere."""
    if not query.image_url:
        raise ToolError(f"{source} looks at a picture by its public URL, and this one has none")
    return query.image_url


def items(answer: Mapping[str, Any], *names: str) -> list[dict[str, Any]]:
    """Return the list at a path of an answer, empty when it is left out. Raises ``TypeError`` for another shape."""
    found: Any = answer
    for name in names:
        found = found.get(name) if found is not None else None
    if found is None:
        found = []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise TypeError(f"{'.'.join(names)} is no list of objects")
    return found
