"""Run files (scripted runs), answers files and scripts: what users write."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from .result import Contract, Question, Status


class AnswerRule(Contract):
    """``match`` is text or a regular expression, tried on the question and on the name of what is missing."""

    match: str
    answer: str

    @field_validator("match")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error:
            return re.escape(value)
        return value

    def fits(self, question: Question) -> bool:
        """Return whether this rule answers the question (case does not matter)."""
        texts = (question.text, question.missing or "")
        return any(re.search(self.match, text, re.IGNORECASE) for text in texts if text)


class Expectation(Contract):
    """What a step of a run file must give; every field that is set is checked."""

    status: Status | None = None
    answer_contains: str | None = None
    answer_matches: str | None = None
    evidence_iou: EvidenceIou | None = None
    max_steps: int | None = None
    asked: bool | None = None


class EvidenceIou(Contract):
    """Some region of the evidence overlaps ``box`` (pixels, ltrb) with an IoU of at least ``least``."""

    box: tuple[float, float, float, float]
    least: float = 0.5


Expectation.model_rebuild()


class RunStep(Contract):
    """One step: exactly one of ``ask``, ``web``, ``chat``, ``tool``, with its arguments and expectation."""

    ask: str | None = None
    web: str | None = None
    chat: str | None = None
    tool: str | None = None
    images: list[str] = Field(default_factory=list)
    url: str | None = None
    strategy: Literal["direct", "vstar"] | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    answers: list[AnswerRule] = Field(default_factory=list)
    expect: Expectation = Field(default_factory=Expectation)

    @model_validator(mode="after")
    def _one_kind(self) -> RunStep:
        kinds = [k for k in ("ask", "web", "chat", "tool") if getattr(self, k) is not None]
        if len(kinds) != 1:
            raise ValueError(
                f"a step has exactly one of ask, web, chat, tool; this one has {kinds or 'none'}"
            )
        return self

    @property
    def kind(self) -> str:
        """Which of the four this step is."""
        return next(k for k in ("ask", "web", "chat", "tool") if getattr(self, k) is not None)


class BudgetLimits(Contract):
    """Limits of a run; None is no limit. ``cost`` in US dollars, ``seconds`` of wall time."""

    steps: int | None = Field(default=None, ge=0)
    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    cost: float | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)


class RunFile(Contract):
    """A scripted run (YAML)."""

    name: str
    model: str | None = None
    budget: BudgetLimits = Field(default_factory=BudgetLimits)
    steps: list[RunStep] = Field(min_length=1)
