"""How much a task names each of the candidates: whole names, and words that tell one from the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .candidates import Candidate
from .order import named
from .values import STOP, tokens_of

# A word tells candidates apart when so few of them have it, or a quarter of all.
FEW = 3
SHORTEST = 3
QUOTED = re.compile(r'"([^"]*)"')


def naming(candidates: Sequence[Candidate], task: str) -> list[float]:
    """Return per candidate from 0 to 1 how much the task names it.

    1: what it puts in, or else the name of its element, stands in the task. Less: a word of the task stands in the name
    (or in that of the row that the element is in); the fewer candidates have the word, the more it tells ("Kari" in a
    list of emails).
    """
    words = [set(tokens_of(" ".join(QUOTED.findall(candidate.words)))) for candidate in candidates]
    wanted = {word for word in tokens_of(task) if len(word) >= SHORTEST and word not in STOP}
    often = Counter(word for found in words for word in found & wanted)
    most = max(FEW, len(candidates) / 4)
    shares = []
    for candidate, found in zip(candidates, words, strict=True):
        telling = [1 - often[word] / len(candidates) for word in found & wanted if often[word] <= most]
        shares.append(1.0 if _whole(candidate, task) else max(telling, default=0.0))
    return shares


def _whole(candidate: Candidate, task: str) -> bool:
    if candidate.value is not None:
        return named(candidate.value.text, task)
    target = candidate.action.target if candidate.action else None
    return target is not None and named(target.name, task)
