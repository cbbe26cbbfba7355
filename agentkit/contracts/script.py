"""The lines of a ``script:`` file: scripted replies of a model, one JSON object a line."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from .result import Contract


class ScriptToolCall(Contract):
    """A tool call of a scripted reply."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class ScriptLine(Contract):
    """One scripted reply: ``text`` and ``tool_calls`` (one or both), or ``scores``, or ``error``.

    ``scores``: summed natural log-probabilities, one an option of ``score``. ``logprobs``: (token, natural
    log-probability) pairs of the text. ``error`` makes the call fail with that message.
    """

    text: str | None = None
    tool_calls: list[ScriptToolCall] = Field(default_factory=list)
    logprobs: list[tuple[str, float]] | None = None
    scores: list[float] | None = Field(default=None, min_length=1)
    error: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> ScriptLine:
        replies = self.text is not None or bool(self.tool_calls)
        if [replies, self.scores is not None, self.error is not None].count(True) != 1:
            raise ValueError("a line holds text or tool_calls, or scores, or error: exactly one kind")
        if self.logprobs is not None and self.text is None:
            raise ValueError("logprobs belong to a text")
        return self
