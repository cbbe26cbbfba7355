"""Searches: one query to every source that can answer it, journalled, with what failed told apart from what is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.content import Image
from agentkit.errors import ToolError, UsageError
from agentkit.runtime.context import Context

from ...tools.retrieval import Passage, Query, Source
from .state import Action
from .words import plain, wants_newest

# How many more passages are asked for when the newest of several versions is wanted.
WIDER = 4
# Reciprocal-rank fusion of several sources (Cormack, Clarke and Büttcher 2009).
FUSION = 60


@dataclass(frozen=True)
class Hits:
    """What the sources gave, best first, and what went wrong with which of them."""

    passages: list[Passage]
    errors: list[str]


async def search(
    sources: Sequence[Source], action: Action, context: Context, *, image: Image | None, k: int
) -> Hits:
    """Ask every source that can answer the action's query; read from the journal in a replay.

    Raises ``UsageError`` when no source is capable of the query at all.
    """
    query = _query(action, image)
    able = [source for source in sources if query.capability in source.capabilities]
    if not able:
        names = ", ".join(source.name for source in sources) or "none is given"
        raise UsageError(
            f"no source can search {query.capability} ({names})",
            mend="an index: --index DIR, or the web: --web",
        )
    wide = k * WIDER if action.kind == "text" and wants_newest(action.ask) else k
    answers = await asyncio.gather(*(_ask(source, query, action, wide, context) for source in able))
    lists = [[Passage.model_validate(item) for item in found] for found, _ in answers]
    errors = [error for _, error in answers if error]
    # A replay sees the order that was written down: sources answer in theirs.
    return Hits(fused(lists)[:wide], errors)


def fused(lists: Sequence[Sequence[Passage]]) -> list[Passage]:
    """Return the passages of several sources as one list, without repetitions; one list stays as it is."""
    if len(lists) == 1:
        return list(lists[0])
    weight: dict[str, float] = {}
    first: dict[str, Passage] = {}
    for found in lists:
        for rank, passage in enumerate(found):
            key = plain(passage.text) or passage.id
            first.setdefault(key, passage)
            weight[key] = weight.get(key, 0.0) + 1 / (FUSION + rank)
    return sorted(first.values(), key=lambda passage: -weight[plain(passage.text) or passage.id])


async def _ask(
    source: Source, query: Query, action: Action, k: int, context: Context
) -> tuple[list[dict], str | None]:
    """Return a source's passages as plain data, or its error in one line."""

    async def fetch() -> list[dict]:
        return [passage.model_dump(mode="json") for passage in await source.search(query, k)]

    arguments = {"source": source.name, "kind": action.kind, "query": action.query, "k": k}
    if query.image is not None:
        arguments["image"] = query.image.sha256
    try:
        return await context.run.journal.read("search", arguments, fetch), None
    except ToolError as error:
        return [], f"{source.name}: {error}"


def _query(action: Action, image: Image | None) -> Query:
    if action.kind == "picture":
        return Query(text=action.ask, image=image, want="image")
    return Query(
        text=action.query or action.ask, want="image" if action.kind == "picture_by_text" else "text"
    )
