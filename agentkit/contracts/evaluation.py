"""What ``agentkit eval`` and ``agentkit bench`` print with ``--json``."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .result import Contract


class Metric(Contract):
    """A mean with its 95 % interval and the number of items."""

    mean: float
    low: float
    high: float
    n: int


class Evaluation(Contract):
    """The outcome of an evaluation; ``rows`` has one object an item. ``table``: the metrics as Markdown, for people."""

    name: str
    model: str
    items: int
    metrics: dict[str, Metric] = Field(default_factory=dict)
    rows: list[dict[str, Any]] = Field(default_factory=list)
    run: str | None = None
    table: str | None = None
