"""What a model is shown to answer a turn: the instructions, the past that fits, the turn, and what still holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentkit.attention import Boost, Edit
from agentkit.content import Message, Text
from agentkit.models import Model

from ..general.history import fit
from .ledger import Ledger

# More of the past is not shown, and less when the model's context is short.
TOKENS = 3000
SHARE = 0.75


def prompt_of(
    instructions: str, earlier: Sequence[Message], question: Message, ledger: Ledger, tokens: int
) -> list[Message]:
    """Return the prompt of a turn within ``tokens``; what the ledger holds is in the last message, as ``instruction``.

    It stands before the question: after it, smollm2 repeats the instructions and answers nothing.
    """
    if ledger.restated:
        question = replace(question, parts=(Text(ledger.restated, "instruction"), *question.parts))
    # ``fit`` keeps the head; this turn is put there while it measures.
    kept = fit([Message.system(instructions), question, *earlier], tokens)
    return [kept[0], *kept[2:], kept[1]]


def room_of(model: Model) -> int:
    """Return the tokens that a prompt may have for a model."""
    room = model.capabilities.context
    return TOKENS if room is None else min(TOKENS, int(room * SHARE))


def edits_of(model: Model, ledger: Ledger, boost: float | None) -> list[Edit]:
    """Return the edits for a turn: the attention on what is restated, multiplied, where the model can do that."""
    if boost is None or not ledger.restated or not model.capabilities.attention:
        return []
    return [Boost("instruction", boost)]
