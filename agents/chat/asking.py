"""The question that an unclear turn raises: written by a model that writes, else a plain one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agentkit.content import Message, Text
from agentkit.models import Model

LOST = "I can't tell from the message what it is about."
PLAIN = "I am not sure what you mean. What should I do, and with what?"
PROMPT = (
    "The user's message can't be acted on: it can't be understood, or it does not say what it is about. Write the one "
    "short question that would clear it up, and at most four short answers that the user is likely to give."
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "question": {"type": "string", "minLength": 3, "maxLength": 200},
        "choices": {
            "type": "array",
            "maxItems": 4,
            "items": {"type": "string", "minLength": 1, "maxLength": 80},
        },
    },
    "required": ["question", "choices"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Unclear:
    """A question about what a turn means, and what can be chosen."""

    text: str
    choices: list[str] = field(default_factory=list)

    def dump(self) -> dict[str, Any]:
        """Return the question as plain JSON data."""
        return asdict(self)


async def unclear(model: Model, text: str, offers: Sequence[str]) -> Unclear:
    """Return the question about a turn. A model that ranks does not write it: what can be done is offered."""
    if model.capabilities.scoring or not model.capabilities.schema:
        return Unclear(PLAIN, list(offers))
    reply = await model.generate([Message.system(PROMPT), Message.user(Text(text, "query"))], schema=SCHEMA)
    return Unclear(reply.data["question"], list(dict.fromkeys(reply.data["choices"])))
