"""MMSearch-R1's turn grammar and reward (arXiv 2506.20670, published code) as a scorer of trajectories."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .metrics import exact, normal

TurnKind = Literal["answer", "image", "text", "malformed"]
_REASON = r"\s*<reason>.*?</reason>.*?"
_TURNS: tuple[tuple[TurnKind, re.Pattern[str]], ...] = (
    ("answer", re.compile(rf"{_REASON}<answer>(?P<said>.*?)</answer>\s*", re.DOTALL)),
    ("image", re.compile(rf"{_REASON}<search><img></search>(?P<said>)\s*", re.DOTALL)),
    ("text", re.compile(rf"{_REASON}<text_search>(?P<said>.*?)</text_search>\s*", re.DOTALL)),
)
_ACTION = re.compile(r"<answer>|<search>|<text_search>")
# The sequences that count as well-formed. Two text searches fit the budget, but are not among them: kept as published.
SEQUENCES = (("answer",), ("image", "answer"), ("text", "answer"), ("image", "text", "answer"))
PENALTY = 0.1
FORMAT = 0.1
ROUNDS, IMAGE_SEARCHES, TEXT_SEARCHES = 3, 1, 2


@dataclass(frozen=True)
class Turn:
    """A turn of the model; ``said`` is the answer or the query."""

    kind: TurnKind
    said: str = ""


@dataclass(frozen=True)
class Reward:
    """``total`` = 0.9 * ``score`` + 0.1 * ``form``. ``score``: right, less the price of searching."""

    score: float
    form: float

    @property
    def total(self) -> float:
        return (1 - FORMAT) * self.score + FORMAT * self.form


def read_turn(text: str) -> Turn:
    """Return what a turn says: one ``<reason>`` and exactly one action, at its end; anything else is malformed."""
    if len(_ACTION.findall(text)) != 1 or text.count("<reason>") != 1:
        return Turn("malformed")
    for kind, pattern in _TURNS:
        match = pattern.fullmatch(text)
        if match is not None:
            return Turn(kind, match["said"].strip())
    return Turn("malformed")


def reward(
    turns: Sequence[str],
    golds: Sequence[str],
    *,
    match: Literal["exact", "substring"] = "exact",
    penalty: float = PENALTY,
    each: bool = False,
) -> Reward:
    """Score a trajectory of turns. ``each``: the penalty is taken for every search, not once.

    A trajectory ends at its first answer, at a malformed turn, and at a search over the budget (three rounds, one
    image search, two text searches), which is not made.
    """
    made = _played([read_turn(turn) for turn in turns])
    kinds = tuple(turn.kind for turn in made)
    answer = made[-1].said if made and made[-1].kind == "answer" else None
    right = answer is not None and _right(answer, golds, match)
    searches = sum(kind in ("image", "text") for kind in kinds)
    score = float(right)
    if right and searches:
        score *= (1 - penalty) ** (searches if each else 1)
    return Reward(score, float(kinds in SEQUENCES))


def turns_of(chain: Sequence[dict], answer: str | None) -> list[str]:
    """Return a research run's chain (``result.output["chain"]``) in the grammar."""
    said = []
    for step in chain:
        if not step["searched"]:
            continue
        action = "<search><img></search>" if step["action"] == "picture" else None
        action = action or f"<text_search>{step['query'] or step['ask']}</text_search>"
        said.append(f"<reason>{step['ask']}</reason>{action}")
    return [*said, f"<reason>The notes are enough.</reason><answer>{answer or ''}</answer>"]


def _played(turns: Sequence[Turn]) -> list[Turn]:
    made: list[Turn] = []
    for turn in turns:
        if turn.kind in ("image", "text"):
            searches = [earlier.kind for earlier in made].count(turn.kind)
            limit = IMAGE_SEARCHES if turn.kind == "image" else TEXT_SEARCHES
            if searches >= limit or len(made) >= ROUNDS - 1:
                break
        made.append(turn)
        if turn.kind in ("answer", "malformed"):
            break
    return made


def _right(answer: str, golds: Sequence[str], match: str) -> bool:
    if match == "exact":
        return exact(answer, golds) == 1.0
    return any(normal(gold) and normal(gold) in normal(answer) for gold in golds)
