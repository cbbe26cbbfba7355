"""The published metrics: element accuracy, action F1, step, turn and task success, and the two streams of Navi-plus."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentkit.contracts.evaluation import Metric

from ..intervals import average, proportion
from .data import Operation, Step

# ``first``: the element must be the first positive (Synapse). ``any``: any ranked positive (MindAct, Self-MAP).
Rule = Literal["first", "any"]


NOTHING = Operation("")


@dataclass(frozen=True)
class Answer:
    """What a policy did at a step: an element and an operation, or nothing; ``ask`` is a question instead."""

    element: str = ""
    operation: Operation = NOTHING
    ask: str = ""


@dataclass(frozen=True)
class Judged:
    """How an answer fares: whether the element is right, the F1 of the action's words, whether all of it is right."""

    element: float
    f1: float
    success: float


FAILED = Judged(0.0, 0.0, 0.0)


def judge(answer: Answer, step: Step, *, top: int, rule: Rule) -> Judged:
    """Return how an answer fares. A step with no positive ranked below ``top`` scores 0 whatever was answered."""
    if not step.reachable(top) or not answer.element:
        return FAILED
    reached = [c for c in step.positives if c.rank is None or c.rank < top]
    right = {step.positives[0].id} if rule == "first" else {c.id for c in reached}
    element = answer.element in right
    f1 = token_f1(words_of(answer.operation), words_of(step.operation))
    exact = f1 == 1.0 if rule == "any" else _same(answer.operation, step.operation)
    return Judged(float(element), f1, float(element and exact))


def words_of(operation: Operation) -> str:
    """Return an operation as the words that are compared: the value of a click does not count."""
    return operation.op if operation.op == "CLICK" else f"{operation.op} {operation.value}"


def token_f1(answer: str, truth: str) -> float:
    """Return the F1 of two sets of words; words of punctuation alone do not count, two empty sets are equal."""
    ours, theirs = _tokens(answer), _tokens(truth)
    if not ours or not theirs:
        return float(ours == theirs)
    shared = len(ours & theirs)
    return 2 * shared / (len(ours) + len(theirs))


def _tokens(text: str) -> set[str]:
    return {word for word in text.strip().split() if not set(word) <= set(string.punctuation)}


def _same(a: Operation, b: Operation) -> bool:
    return a.op == b.op and (a.op == "CLICK" or _plain(a.value) == _plain(b.value))


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


# ---- over rows ----

Row = Mapping[str, Any]


def metrics_of(rows: Sequence[Row], *, turns: bool = False) -> dict[str, Metric]:
    """Return the metrics over rows of steps (``conversation``, ``turn``, ``element``, ``f1``, ``success``).

    ``element``, ``f1`` and ``step`` are macro averages: a mean over turns (of Mind2Web: tasks) of means over their
    steps, with a bootstrap interval over turns; ``micro/...`` count every step alike. ``task``: the share of
    conversations with every step right. With ``turns`` also ``turn``: the share of a conversation's turns with every
    step right, averaged over conversations, as Self-MAP has it; there ``step`` is the mean over conversations too.
    """
    by_turn = _grouped(rows, ("conversation", "turn"))
    by_conversation = _grouped(rows, ("conversation",))
    outer = by_conversation if turns else by_turn
    found = {
        "element": _macro(by_turn, "element"),
        "f1": _macro(by_turn, "f1"),
        "step": _macro(outer, "success"),
        "task": _share([all(row["success"] for row in group) for group in by_conversation]),
        "micro/element": _share([row["element"] for row in rows]),
        "micro/f1": average([row["f1"] for row in rows]),
        "micro/step": _share([row["success"] for row in rows]),
        "reachable": _share([row["reachable"] for row in rows]),
    }
    if turns:
        whole = [
            [float(all(row["success"] for row in turn)) for turn in _grouped(group, ("turn",))]
            for group in by_conversation
        ]
        found["turn"] = average([sum(group) / len(group) for group in whole])
    return found


def ask_metrics(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return the metrics of the ASK stream (``asked``, ``needed``, ``similarity``): when it asks, and what.

    ``ask/precision``: of the steps at which it asks, the share where something is missing. ``ask/recall``: of those
    where something is missing, the share at which it asks. ``ask/content``: the mean similarity of its question to
    the annotated one, over the steps where it asks and should.
    """
    asked = [row for row in rows if row["asked"]]
    needed = [row for row in rows if row["needed"]]
    both = [row for row in asked if row["needed"]]
    return {
        "ask/precision": proportion(len(both), len(asked)),
        "ask/recall": proportion(len(both), len(needed)),
        "ask/content": average([row["similarity"] for row in both]),
        "ask/needless": proportion(len(asked) - len(both), len(rows) - len(needed)),
    }


def _grouped(rows: Sequence[Row], by: Sequence[str]) -> list[list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    return list(groups.values())


def _macro(groups: Sequence[Sequence[Row]], name: str) -> Metric:
    return average([sum(row[name] for row in group) / len(group) for group in groups])


def _share(values: Sequence[float]) -> Metric:
    return proportion(sum(bool(value) for value in values), len(values))
