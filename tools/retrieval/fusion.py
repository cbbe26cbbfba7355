"""Reciprocal-rank fusion: several rankings to one (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)
# The paper's constant: how little a rank at the top differs from the next.
K = 60


def fuse(rankings: Iterable[Sequence[Item]], k: int = K) -> list[tuple[Item, float]]:
    """Return the items with the sum of 1 / (k + rank) over the rankings they are in, best first.

    Ranks count from 1. Of equal sums, the item that came first in an earlier ranking is first.
    """
    scores: dict[Item, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(dict.fromkeys(ranking), start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
