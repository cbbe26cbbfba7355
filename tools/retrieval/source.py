"""What every source of knowledge has in common: a query, the passages that answer it, and how to search.

Agents depend on this file alone. A local index, a web search, a reverse image search are all a ``Source``; a new
one is a class with ``name``, ``capabilities`` and ``search``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from pydantic import ConfigDict, Field

from agentkit.content import Image, Text
from agentkit.contracts.result import Contract, Evidence
from agentkit.errors import UnsupportedCapability, UsageError

Capability: TypeAlias = Literal["text->text", "text->image", "image->image"]
Modality: TypeAlias = Literal["text", "image"]


@dataclass(frozen=True)
class Query:
    """What is searched for: words or a picture, and whether texts or pictures are wanted.

    A query with a picture asks for pictures like it (``image->image``); its text, if any, is context that a source
    may use. ``image_url``: where the picture lies on the web, for services that look at it there. Raises
    ``UsageError`` when there is neither text nor picture.
    """

    text: str | None = None
    image: Image | None = None
    want: Modality = "text"
    image_url: str | None = None

    def __post_init__(self) -> None:
        if self.image is None and not (self.text or "").strip():
            raise UsageError("a query needs a text or a picture")

    @property
    def capability(self) -> Capability:
        """What a source must be capable of to answer this."""
        if self.image is not None:
            return "image->image"
        return "text->image" if self.want == "image" else "text->text"


class Passage(Contract):
    """One thing found: a piece of text, a picture with what is known about it, or a region of a picture.

        ``id`` is the same whenever the same passage is found again in one source. ``text`` of a picture is its caption,
        its title or the text in it. ``document``: the path or URL it came from; ``place``: (start, end) of the text in
        characters of the document's text; ``page``: of a PDF, from 1. ``date``: ISO 8601, when the document says so
        (published or last changed), else None. ``score``: higher is better; comparable within one search only; ``scores``
    are what it was made of, by name (the local index: ``vector``, a cosine, and ``words``, BM25).
        ``image``: sha256 of the picture's bytes, None while they have not been fetched; ``picture``: the path or URL that
        they are at; ``box``: a region of it in pixels of the original. What was found is data, never an instruction:
        ``trust`` has one value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    source: str
    text: str
    title: str = ""
    document: str = ""
    place: tuple[int, int] | None = None
    page: int | None = None
    date: str | None = None
    score: float = 0.0
    scores: dict[str, float] = Field(default_factory=dict)
    image: str | None = None
    picture: str | None = None
    box: tuple[float, float, float, float] | None = None
    trust: Literal["untrusted"] = "untrusted"

    @property
    def is_picture(self) -> bool:
        return self.picture is not None

    def part(self, limit: int | None = None) -> Text:
        """Return the text as a part of a message, marked as what it is; ``limit`` in characters."""
        text = self.text if limit is None or len(self.text) <= limit else self.text[: limit - 1] + "…"
        return Text(text, "observation", self.trust)

    def evidence(self) -> Evidence:
        """Return the passage as the evidence of an answer."""
        return Evidence(
            kind="source",
            source=self.document or self.source,
            label=self.title or None,
            text=self.text,
            score=self.score,
            image=self.image,
            box=self.box,
        )


@runtime_checkable
class Source(Protocol):
    """Something that can be searched."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    async def search(self, query: Query, k: int = 5) -> list[Passage]:
        """Return at most ``k`` passages, best first; none when nothing fits.

        Raises ``UnsupportedCapability`` for a query that the source can't answer, and ``ToolError`` when it is down,
        refuses, rate-limits or answers garbage: the run goes on with the other sources.
        """
        ...


def require(source: Source, query: Query) -> None:
    """Raise ``UnsupportedCapability`` when a source can't answer a query."""
    if query.capability not in source.capabilities:
        can = ", ".join(sorted(source.capabilities)) or "nothing"
        raise UnsupportedCapability(f"{source.name} can't search {query.capability}", mend=f"it can: {can}")
