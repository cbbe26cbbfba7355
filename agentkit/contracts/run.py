"""``run.json``: what a run is, how to open it again, and how it ended."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .result import Contract, Result

FORMAT = 1


class ModelInfo(Contract):
    """A model as a run remembers it, so that a replay needs no model files."""

    reference: str
    capabilities: dict[str, Any] = Field(default_factory=dict)
    card: dict[str, Any] = Field(default_factory=dict)


class RunInfo(Contract):
    """The head of a run folder. ``arguments`` are what the agent was called with, enough to resume it."""

    format: Literal[1] = FORMAT
    id: str
    agent: str
    task: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    budget: dict[str, float] = Field(default_factory=dict)
    models: dict[str, ModelInfo] = Field(default_factory=dict)
    created: float
    attempt: int = 1
    version: str = ""
    result: Result | None = None
