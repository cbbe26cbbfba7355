"""What a page asked in a dialog: it was dismissed and told; what led to it can be done again, with an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...tools.browser import Element, Snapshot
from .candidates import Candidate, speaks_of, values_for
from .values import Value

PROMPT = "prompt"
# How a session tells of a dialog that it dismissed; an alert asks nothing.
TOLD = re.compile(r"(confirm|beforeunload|prompt) dialog: (.*) \(dismissed\)", re.DOTALL)
ANSWERED = "the user answered what the page asked in a dialog"


@dataclass(frozen=True)
class Asked:
    """A question of a page. ``message`` are its words, the page's own; ``choice`` is what was done when it was asked."""

    kind: str
    message: str
    choice: Candidate

    @property
    def field(self) -> str:
        """What an answer of the user is filed under."""
        return f"{PROMPT} {self.message}"

    def accepted(self) -> Candidate:
        """Return the same action with its dialog accepted."""
        assert self.choice.action is not None, "only actions lead to dialogs"
        words = f"{self.choice.words} and accept its {self.kind} dialog: {self.message!r}"
        return Candidate(words, replace(self.choice.action, dialog="accept"), self.choice.value)

    def answered(self, value: Value) -> Candidate:
        """Return the same action with a text typed into its prompt."""
        assert self.choice.action is not None, "only actions lead to dialogs"
        words = f'type "{value.text}" into {PROMPT} "{self.message}"'
        return Candidate(words, replace(self.choice.action, dialog=value.text), value)

    def takes_text(self, snapshot: Snapshot) -> bool:
        """Say whether it is a prompt, and what led to it is still on the page."""
        element = self.choice.element
        return self.kind == PROMPT and (element is None or element in snapshot)

    def answers(self, snapshot: Snapshot, values: Sequence[Value]) -> list[Candidate]:
        """Return the action with each of the values that could be the answer to its prompt."""
        if not self.takes_text(snapshot):
            return []
        said = [value for value in values if value.source == "user" and value.cue == self.field]
        return [self.answered(value) for value in said or values_for(snapshot, self._as_field(), values)]

    def settled(self, values: Sequence[Value]) -> bool:
        """Say whether a value of the task speaks of what a prompt asks for."""
        return any(not value.said and speaks_of(value, self._as_field()) for value in values)

    def question(self) -> dict[str, Any]:
        """Return the question to the user about a prompt, as arguments of ``ask_user``."""
        text = f"The page asks in a dialog: {self.message!r}. What is the answer?"
        why = f"It was dismissed; with an answer this is done again: {self.choice.words}. The dialog's words are the page's."
        return {"text": text, "missing": "the answer to the page's dialog", "choices": [], "why": why}

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data, for the state of the graph."""
        return {"kind": self.kind, "message": self.message, "choice": self.choice.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Asked | None:
        """Return what ``to_json`` gave; None for None."""
        if data is None:
            return None
        return cls(data["kind"], data["message"], Candidate.from_json(data["choice"]))

    def _as_field(self) -> Element:
        return Element("", "textbox", self.message, "input")


def asked_in(dialogs: Sequence[str], choice: Candidate) -> Asked | None:
    """Return the last question of an action's dialogs, as its effect tells of them; None without one."""
    for told in reversed(dialogs):
        if found := TOLD.fullmatch(told):
            # The session writes the message as a literal.
            return Asked(found[1], found[2][1:-1], choice)
    return None
