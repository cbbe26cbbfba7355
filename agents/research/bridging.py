"""Where the grammar of a question is not known: from the text that has its names to the words that are still open.

"Lima is where, and what do they pay with there?" has no clause that a rule would know. What was found names Lima and
Peru; the words that no text covered are then asked of Peru.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .spans import best_sentences, kind_of, names_of, weights
from .state import Finding
from .words import STOP, content, stem, words

# A finding that covers less of its question leaves something open.
OPEN = 0.75
MOST = 2
# What was asked over a bridge must be said there in so many words.
HALF = 0.5
_NAME = re.compile(r"[A-Z][\w'’-]*(?:\s+(?:of\s+|the\s+|and\s+)?[A-Z][\w'’-]*)*")


@dataclass(frozen=True)
class Bridge:
    """A question about something that a found text names: ``left`` are the words still open, ``over``
    is the thing, ``pivot`` the sentence that names it.

    ``passage``: the number of the sentence's passage among those of the finding.
    """

    ask: str
    left: tuple[str, ...]
    over: str
    pivot: str
    passage: int


def bridges(finding: Finding) -> list[Bridge]:
    """Return the questions that lead on from a finding which covers too little of its question; none for others."""
    question = finding.action.ask
    if finding.origin != "source" or finding.covers >= OPEN or not finding.passages:
        return []
    named = [word for word in names_of(question) if word.lower() not in STOP]
    if not named:
        return []
    texts = [(passage.title, passage.text) for passage in finding.passages]
    pivots = best_sentences(" ".join(named), texts, 1)
    if not pivots or pivots[0].covers < OPEN:
        return []
    pivot = pivots[0]
    title = finding.passages[pivot.passage].title.partition("(")[0].strip()
    left = _left(question, f"{pivot.text} {title}")
    asked = set(words(question))
    things = dict.fromkeys([title, *(match[0] for match in _NAME.finditer(pivot.text))])
    over = [thing for thing in things if thing[:1].isupper() and _says(thing) and not _says(thing) <= asked]
    return [
        Bridge(f"What is the {' '.join(left)} of {thing}?", tuple(left), thing, pivot.text, pivot.passage)
        for thing in over[:MOST]
        if left
    ]


def crossed(finding: Finding, found: Sequence[Finding]) -> tuple[Finding, Finding] | None:
    """Return the two findings that answer a question over a bridge: what names the thing, and what was asked of it."""
    for bridge in bridges(finding):
        mine = [f for f in found if f.action.ask == bridge.ask and f.answer is not None]
        far = max(mine, key=lambda f: f.covers, default=None)
        if far is not None and far.covers >= OPEN and _said(bridge, far) >= HALF:
            near = finding.model_copy(
                update={
                    "answer": bridge.over,
                    "quote": bridge.pivot,
                    "passage": finding.passages[bridge.passage],
                    "covers": far.covers,
                    "versions": [],
                    "as_of": None,
                }
            )
            return near, far
    return None


def _left(question: str, told: str) -> list[str]:
    """Return the words of a question that a text does not say, but for names and what is asked for by kind."""
    held, kind = set(content(told)), kind_of(question)
    open_ = {word for word, weight in weights(question).items() if weight <= 1.0 and word not in held}
    said = re.findall(r"[\w'’-]+", question)
    return [word for word in said if stem(word.lower()) in open_ and word.lower() != kind]


def _said(bridge: Bridge, far: Finding) -> float:
    """Return the share of the open words that the far finding's quote holds."""
    held = set(content(far.quote))
    return sum(stem(word.lower()) in held for word in bridge.left) / len(bridge.left)


def _says(thing: str) -> set[str]:
    return set(words(thing)) - STOP
