"""A simulated user, who knows what was left out of a task, and answers only what is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentkit.contracts.result import Question

from .cuts import CALLED, Cut

DONT_KNOW = "I don't know"


@dataclass(frozen=True)
class Asked:
    """A question that was put, and the slot that it asks for; empty when it asks for something else."""

    missing: str
    text: str
    choices: tuple[str, ...]
    slot: str


class SimulatedUser:
    """Answers the questions of one episode. ``cut`` is None for a clear task, about which there is nothing to ask.

    A question asks for a slot when it names it, or when what was left out is among its choices. One question is
    answered with one slot, and one that was asked again is answered again.
    """

    name = "simulated user"

    def __init__(self, cut: Cut | None) -> None:
        self.cut = cut
        self.asked: list[Asked] = []

    async def answer(self, question: Question) -> str:
        """Return the value of the slot that is asked for, else that it is not known."""
        slot = slot_of(self.cut, question.missing or "", question.text, question.choices) if self.cut else ""
        self.asked.append(Asked(question.missing or "", question.text, tuple(question.choices), slot))
        return self.cut.slots[slot] if self.cut and slot else DONT_KNOW


def slot_of(cut: Cut, missing: str, text: str = "", choices: list[str] | tuple[str, ...] = ()) -> str:
    """Return the slot that a question asks for: by its name, else by its choices; empty when it asks for none."""
    words = set(_words(missing)) or set(_words(text))
    for slot, value in cut.slots.items():
        if words & (CALLED.get(slot) or frozenset({slot})):
            return slot
        if any(_holds(choice, value) for choice in choices):
            return slot
    return ""


def _holds(choice: str, value: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value.lower())}(?!\w)", choice.lower()) is not None


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
