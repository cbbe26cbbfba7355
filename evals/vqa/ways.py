"""What is run on the items: strategies as they are written on the command line, and the agent of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.config import Settings
from agentkit.errors import UsageError
from agentkit.runtime.cast import Cast

from ...agents.search import VisualSearchAgent
from .item import Item
from .oracle import true_boxes

Judge = Callable[[Item, str], int | None]

ORACLE = "oracle"


@dataclass(frozen=True)
class Way:
    """A strategy as it is written: ``name[:constant=value]...[@looks]``, such as ``dyfo:exploration=0.5@40``.

    ``constants`` change its configuration; the search for one thing ends after ``looks``.
    """

    label: str
    name: str
    constants: Mapping[str, Any]
    looks: int | None

    @classmethod
    def of(cls, label: str) -> Way:
        """Return what a label says. Raises ``UsageError`` for one that is not of this form."""
        head, at, looks = label.partition("@")
        name, *changes = head.split(":")
        if at and not (looks.isdigit() and int(looks)):
            raise UsageError(f"{label!r}: looks are a number from 1", mend="such as vstar@20")
        constants = {}
        for change in changes:
            key, equals, value = change.partition("=")
            if not (key and equals and value):
                raise UsageError(
                    f"{label!r}: {change!r} is no constant with its value", mend="name:constant=value"
                )
            constants[key] = _value(value)
        return cls(label, name, constants, int(looks) if at else None)


@dataclass(frozen=True)
class Plan:
    """What is run: strategies by their labels, with an expert (as ``VisualSearchAgent`` takes it, None: its default).

    ``judge`` returns the index of the option that an answer means, None for none.
    """

    strategies: tuple[str, ...]
    settings: Settings
    judge: Judge
    expert: str | None = None

    def check(self) -> Plan:
        """Return the plan. Raises ``UsageError`` for a strategy or an expert that there is not."""
        for label in self.strategies:
            agent_of(label, self, None)
        return self


def strategies_of(text: str, budgets: str | None = None) -> tuple[str, ...]:
    """Return the strategies of a list with commas; ``budgets`` (``5,10``) adds ``name@5``, ... for those that search.

    Raises ``UsageError`` for one that is not written as a strategy is.
    """
    labels = [label.strip() for label in text.split(",") if label.strip()]
    if not labels:
        raise UsageError("no strategy is named", mend="--strategy direct,vstar")
    if budgets:
        ways = [Way.of(label) for label in labels]
        searching = [way for way in ways if way.name not in ("direct", "grid", ORACLE) and way.looks is None]
        labels += [f"{way.label}@{looks.strip()}" for way in searching for looks in budgets.split(",")]
    for label in labels:
        Way.of(label)
    return tuple(dict.fromkeys(labels))


def agent_of(label: str, plan: Plan, item: Item | None, cast: Cast | None = None) -> VisualSearchAgent:
    """Return the agent of a strategy; the oracle is for one item. Raises ``UsageError``."""
    way = Way.of(label)
    if way.name == ORACLE:
        known = true_boxes(item.targets if item else (), item.boxes if item else ())
        # What is not at the marked boxes is nowhere: nothing is searched for it.
        return VisualSearchAgent(
            strategy="vstar", expert=known, max_looks=1, settings=plan.settings, cast=cast
        )
    more: dict[str, Any] = {"constants": way.constants} if way.constants else {}
    if plan.expert is not None:
        more["expert"] = plan.expert
    return VisualSearchAgent(
        strategy=way.name, max_looks=way.looks, settings=plan.settings, cast=cast, **more
    )


def _value(text: str) -> Any:
    """Return a constant as JSON writes it (a number, true, a list), else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
