"""Which earlier turns matter to this one: by the words that they share, and by likeness where there is an embedder."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentkit.models.embed import Embedder

from ...memory.condensed import Beside
from ...memory.conversations import Turn
from . import past
from .digest import clipped, content_words

if TYPE_CHECKING:
    import numpy as np

MOST = 3
# Below, a turn only happens to share a word, or is of the same language.
LEAST_SHARED, LEAST_LIKE = 0.34, 0.4
LONGEST_QUESTION, LONGEST_REPLY = 600, 300
# All at once, a long conversation that was never embedded would hold up its next turn for many seconds.
EMBEDDED_A_TURN = 64


def text_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what a turn is looked up by: the user's words, and the beginning of the reply."""
    asked = clipped("\n".join(past.said(messages)), LONGEST_QUESTION)
    return f"{asked} {clipped(past.replied(messages)[0], LONGEST_REPLY)}".strip()


def nearest(
    query: str, texts: Sequence[str], likeness: Mapping[int, float] | None = None, most: int = MOST
) -> list[int]:
    """Return the places of the texts that matter to a query, the best first; at most ``most``, none when none does.

    The score is the share of the query's words that a text has, rare words counting more (inverse document
    frequency), plus ``likeness`` (cosine) where that is known.
    """
    shared = shares(query, texts)
    like = likeness or {}
    scored = [
        (share + max(like.get(place, 0.0), 0.0), place)
        for place, share in enumerate(shared)
        if share >= LEAST_SHARED or like.get(place, 0.0) >= LEAST_LIKE
    ]
    # Of equals the later one: what was said last holds.
    return [place for _, place in sorted(scored, reverse=True)[:most]]


def shares(query: str, texts: Sequence[str]) -> list[float]:
    """Return for each text the share of the query's content words that it has, 0 to 1, weighted by how rare they are."""
    bags = [content_words(text) for text in texts]
    known = Counter(word for bag in bags for word in bag)
    wanted = content_words(query)
    weight = {word: math.log(1 + len(bags) / (1 + known[word])) for word in wanted}
    total = sum(weight.values())
    if not total:
        return [0.0] * len(bags)
    return [sum(weight[word] for word in wanted & bag) / total for bag in bags]


def likeness(
    embedder: Embedder, beside: Beside, name: str, turns: Sequence[Turn], query: str
) -> dict[int, float]:
    """Return the cosine of a query with turns of a conversation, by place; each turn is embedded once and kept."""
    known: dict[str, np.ndarray] = beside.vectors(name, embedder.reference)
    # The oldest last: they are the least likely to matter.
    new = [turn for turn in reversed(turns) if turn.key not in known][:EMBEDDED_A_TURN]
    whole = embedder.embed([query, *(text_of(turn.messages) for turn in new)])
    made = {turn.key: row for turn, row in zip(new, whole[1:], strict=True)}
    if made:
        beside.keep_vectors(embedder.reference, made)
    known |= made
    return {place: float(known[turn.key] @ whole[0]) for place, turn in enumerate(turns) if turn.key in known}
