"""Is an index whole, does it find what an exact search finds, and how fast."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agentkit.models.embed import Embedder

from .local import LocalIndex, text_space
from .vectors import SPACES, Space

# Words of a passage that make a query.
WORDS = 12
K = 10
PART = 2000


@dataclass(frozen=True)
class Health:
    """The state of an index.

    ``missing``: passages without a vector, by space; ``unfinished``: contents that a kill left half done (the next
    ``add`` takes them out). ``recall``: mean share of the exact ``K`` nearest that the index finds, over ``queries``
    (beginnings of random passages), None for an empty index. ``search_ms`` and ``embed_ms``: median of a whole search
    without the embedding of its text, and of that embedding; ``ratio``: both together over the embedding alone.
    """

    passages: int
    missing: dict[str, int]
    unfinished: int
    queries: int
    recall: float | None
    recalls: tuple[float, ...] = ()
    search_ms: float | None = None
    embed_ms: float | None = None
    ratio: float | None = None

    @property
    def whole(self) -> bool:
        return not any(self.missing.values()) and not self.unfinished


def check(
    index: LocalIndex,
    queries: int = 100,
    *,
    seed: int = 0,
    timed: Embedder | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Health:
    """Return the state of an index; ``seed`` chooses the queries.

    ``timed``: the embedder whose time counts, when it is not the index's own.
    """
    by_space: dict[Space, list[str]] = {space: [] for space in SPACES}
    samples: list[tuple[str, str]] = []
    for item, kind, _, text in index.store.texts():
        by_space[text_space(kind)].append(item)
        if kind == "picture" and index.looks is not None:
            by_space["pictures"].append(item)
        if kind == "text":
            samples.append((item, text))
    missing = {space: _missing(index, space, ids) for space, ids in by_space.items()}
    unfinished = len(index.store.unfinished())
    total = len(by_space["texts"]) + len(by_space["captions"])
    if not samples:
        return Health(total, missing, unfinished, 0, None)
    chosen = random.Random(seed).sample(samples, min(queries, len(samples)))
    texts = [" ".join(text.split()[:WORDS]) for _, text in chosen]
    say(f"asking {len(texts)} questions of {total} passages")
    vectors, embed_times = _embedded(index.embedder, texts)
    if timed is not None:
        _, embed_times = _embedded(timed, texts)
    exact = _exact(index, by_space["texts"], vectors, say)
    recalls, search_times = [], []
    for text, vector, wanted in zip(texts, vectors, exact, strict=True):
        found = {item for item, _ in index.vectors.nearest("texts", vector, K)}
        recalls.append(len(found & wanted) / len(wanted))
        started = time.perf_counter()
        index.find_vector(text, vector, K)
        search_times.append(time.perf_counter() - started)
    search, embed = statistics.median(search_times), statistics.median(embed_times)
    return Health(
        passages=total,
        missing=missing,
        unfinished=unfinished,
        queries=len(texts),
        recall=statistics.fmean(recalls),
        recalls=tuple(recalls),
        search_ms=search * 1000,
        embed_ms=embed * 1000,
        ratio=(search + embed) / embed,
    )


def _missing(index: LocalIndex, space: Space, ids: Sequence[str]) -> int:
    if index.vectors.count(space) == len(ids):
        return 0
    return len(ids) - sum(len(index.vectors.get(space, ids[i : i + PART])) for i in range(0, len(ids), PART))


def _embedded(embedder: Embedder, texts: Sequence[str]) -> tuple[np.ndarray, list[float]]:
    # The first one loads the model.
    embedder.embed(texts[:1])
    vectors, times = [], []
    for text in texts:
        started = time.perf_counter()
        vectors.append(embedder.embed([text])[0])
        times.append(time.perf_counter() - started)
    return np.stack(vectors), times


def _exact(
    index: LocalIndex, ids: Sequence[str], queries: np.ndarray, say: Callable[[str], None]
) -> list[set[str]]:
    """Return, for every query, the ids of its ``K`` nearest by comparing it with all."""
    best: list[list[tuple[float, str]]] = [[] for _ in queries]
    for start in range(0, len(ids), PART):
        part = index.vectors.get("texts", ids[start : start + PART])
        names = list(part)
        if not names:
            continue
        likeness = queries @ np.stack(list(part.values())).T
        for row, held in zip(likeness, best, strict=True):
            top = np.argsort(-row)[:K]
            held.extend((float(row[i]), names[i]) for i in top)
            held.sort(reverse=True)
            del held[K:]
        if start and start % (10 * PART) == 0:
            say(f"compared with {start} of {len(ids)} passages")
    return [{item for _, item in held} for held in best]
