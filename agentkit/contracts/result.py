"""What a run gives back: the result, its question, its evidence and what it used."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Contract(BaseModel):
    """Base of the published contracts: unknown keys are errors, so that drift is seen."""

    model_config = ConfigDict(extra="forbid")


class Usage(Contract):
    """What calls took. ``cost`` is in US dollars; None means unknown, never zero. ``seconds`` is wall time."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    cost: float | None = 0.0
    seconds: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        known = self.cost is not None and other.cost is not None
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            images=self.images + other.images,
            cost=(self.cost or 0.0) + (other.cost or 0.0) if known else None,
            seconds=self.seconds + other.seconds,
        )


class Question(Contract):
    """A follow-up question to the user: what is missing, what could be said, and why it is asked."""

    id: str
    text: str
    missing: str | None = None
    choices: list[str] = Field(default_factory=list)
    why: str | None = None


class Evidence(Contract):
    """What an answer rests on.

    A *region* names an ``image`` (sha256 of the file's bytes) and a ``box`` (left, top, right, bottom in pixels
    of the original); a *source* names where a ``text`` came from. ``path`` is how it was found: for a visual
    search, the boxes from the whole picture down to the region.
    """

    kind: Literal["region", "source"]
    image: str | None = None
    box: tuple[float, float, float, float] | None = None
    label: str | None = None
    score: float | None = None
    path: list[tuple[float, float, float, float]] = Field(default_factory=list)
    source: str | None = None
    text: str | None = None


Status = Literal["done", "needs_input", "budget", "failed"]


class Result(Contract):
    """The outcome of a run. ``run`` is the run folder. ``error`` is set when the status is ``failed``."""

    status: Status
    answer: str | None = None
    evidence: list[Evidence] = Field(default_factory=list)
    question: Question | None = None
    steps: int = 0
    usage: Usage = Field(default_factory=Usage)
    run: str | None = None
    error: str | None = None
    output: dict | list | str | int | float | bool | None = Field(
        default=None, description="Typed output (Agent(output=...)) as JSON data."
    )
