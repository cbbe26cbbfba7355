"""What a model decided, in one form for every way of saying it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agentkit.content import Message, ToolCall
from agentkit.models import Model, ToolSpec

from .output import TypedOutput

ASK = "ask_user"
ANSWER = "answer"

ASK_SPEC = ToolSpec(
    ASK,
    "Ask the user one question, only when something is missing that no tool can find out.",
    {
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "choices": {"type": "array", "items": {"type": "string"}, "description": "Possible answers."},
        },
        "required": ["question"],
        "additionalProperties": False,
    },
)


@dataclass(frozen=True)
class Decision:
    """Calls to make in order (``ask_user`` and ``answer`` among them), or an answer in words."""

    calls: tuple[ToolCall, ...] = ()
    answer: str | None = None

    @property
    def message(self) -> Message:
        """The decision as the assistant's turn."""
        return Message.assistant(*([self.answer] if self.answer else []), tool_calls=self.calls)


@dataclass(frozen=True)
class Choices:
    """What a model may do: call ``tools``, ask, answer in words or as ``output``.

    ``insist``: it has what it needs and keeps asking for it, so it must answer.
    """

    tools: tuple[ToolSpec, ...]
    output: TypedOutput | None = None
    may_ask: bool = True
    insist: bool = False


class Dialect(Protocol):
    """A way to ask a model for a decision.

    ``history`` holds messages in the native form (tool calls and tool messages), whoever wrote them.
    ``patience`` is how many turns with the same calls and outcomes it takes until a model must answer.
    """

    @property
    def patience(self) -> int: ...

    def brief(self, instructions: str, choices: Choices) -> str:
        """Return the system prompt."""
        ...

    async def decide(self, model: Model, history: list[Message], choices: Choices) -> Decision:
        """Return the model's decision. ``history`` begins with the system prompt."""
        ...
