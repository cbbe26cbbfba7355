"""What a model is shown to answer a turn: the instructions, the past that fits, the turn, and what still holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentkit.attention import Boost, Edit
from agentkit.content import Message, Text
from agentkit.models import Model

from ..general.history import fit
from .ledger import Ledger

# A prompt is not longer, and shorter when the model's context is: a model that computes here takes seconds for so many
# tokens, one that is served does not.
TOKENS = 3000
SERVED = 8000
SHARE = 0.75


def prompt_of(
    instructions: str,
    earlier: Sequence[Message],
    question: Message,
    ledger: Ledger,
    tokens: int,
    notes: Sequence[Text] = (),
) -> list[Message]:
    """Return the prompt of a turn within ``tokens``; what the ledger holds is in the first message, as ``instruction``.

    Before the question or after it, in the last message, smollm2 repeats the instructions and answers nothing.
    ``notes`` on what ``earlier`` no longer holds come before the question: in a message of their own, two of a role
    would follow each other.
    """
    question = replace(question, parts=(*notes, *question.parts))
    # ``fit`` keeps the head; this turn is put there while it measures.
    kept = fit([first_message(instructions, ledger), question, *earlier], tokens)
    return [kept[0], *kept[2:], kept[1]]


def first_message(instructions: str, ledger: Ledger) -> Message:
    """Return the agent's own instructions, and after them what the user asked for that still holds."""
    own = Message.system(instructions)
    return replace(own, parts=(*own.parts, Text(ledger.restated, "instruction"))) if ledger.restated else own


def room_of(model: Model) -> int:
    """Return the tokens that a prompt may have for a model."""
    room, here = model.capabilities.context, model.capabilities.attention
    if room is None:
        return TOKENS
    return min(TOKENS if here else SERVED, int(room * SHARE))


def edits_of(model: Model, ledger: Ledger, boost: float | None) -> list[Edit]:
    """Return the edits for a turn: the attention on what is restated, multiplied, where the model can do that."""
    if boost is None or not ledger.restated or not model.capabilities.attention:
        return []
    return [Boost("instruction", boost)]
