"""Condensing earlier turns with a model that writes: lines of a fixed form, each of one of the turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.content import Message, Text
from agentkit.models import Model, Sampling

from . import past
from .digest import CHARACTERS_A_TOKEN, KINDS, LONGEST, Line, clipped
from .prompt import room_of

PROMPT = (
    "Condense turns of a conversation into notes for later. Keep names, numbers, dates and places letter for letter. "
    "fact: what the user told; decision: what was settled; open: what was asked and not answered; asked: what was asked "
    "and the answer, shortly; picture: what a picture showed. Leave out greetings, and how the user wants answers to be "
    "written. Write nothing that was not said. Each note has the number of its turn."
)
LONGEST_SIDE = 1500
TOKENS_A_LINE = 60
LINES_A_TURN = 3


def writes(model: Model) -> bool:
    """Return whether a model is asked to write: one that ranks options is small, and rules do better."""
    return model.capabilities.schema and not model.capabilities.scoring


async def condense_with(
    model: Model, turns: Mapping[int, Sequence[Mapping[str, Any]]]
) -> dict[int, list[Line]]:
    """Return the lines that a model writes of turns, by the number of the turn; none for one it has no note on.

    Notes of turns that are not there are dropped. Pictures of a turn go with its lines. Raises ``ModelError``.
    """
    texts = {
        number: f"Turn {number}\nUser: {clipped(chr(10).join(past.said(turn)), LONGEST_SIDE)}{_pictures(turn)}\n"
        f"Reply: {clipped(past.replied(turn)[0], LONGEST_SIDE)}"
        for number, turn in turns.items()
    }
    found: dict[int, list[Line]] = {number: [] for number in turns}
    for batch in _batches(texts, room_of(model) // 2):
        most = LINES_A_TURN * len(batch)
        asked = Text("\n\n".join(texts[number] for number in batch), "query")
        reply = await model.generate(
            [Message.system(PROMPT), Message.user(asked)],
            schema=_schema(most),
            sampling=Sampling(max_tokens=TOKENS_A_LINE * most),
        )
        for item in reply.data["notes"]:
            number = item["turn"]
            if number in batch and item["text"].strip():
                shown, text = tuple(past.pictures_in(turns[number])), clipped(item["text"], 2 * LONGEST)
                found[number].append(Line(number, item["kind"], text, pictures=shown))
    return found


def _batches(texts: Mapping[int, str], tokens: int) -> list[list[int]]:
    """Return the numbers of the texts in batches of so many tokens, each of one text at least."""
    batches: list[list[int]] = []
    left = 0
    for number, text in texts.items():
        size = len(text) // CHARACTERS_A_TOKEN
        if not batches or size > left:
            batches.append([])
            left = tokens
        batches[-1].append(number)
        left -= size
    return batches


def _pictures(turn: Sequence[Mapping[str, Any]]) -> str:
    return f" [showed {len(found)} pictures]" if (found := past.pictures_in(turn)) else ""


def _schema(most: int) -> dict[str, Any]:
    note = {
        "type": "object",
        "properties": {
            "turn": {"type": "integer"},
            "kind": {"enum": list(KINDS)},
            "text": {"type": "string", "minLength": 1, "maxLength": 300},
        },
        "required": ["turn", "kind", "text"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"notes": {"type": "array", "maxItems": most, "items": note}},
        "required": ["notes"],
        "additionalProperties": False,
    }
