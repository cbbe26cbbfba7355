"""What a person chose for a conversation, and the answers that were asked for again: kept beside the conversations."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from agentkit.contracts.result import Contract
from agentkit.contracts.runfile import BudgetLimits

FOLDER = "chat"
Strategy = Literal["auto", "direct", "vstar", "dyfo", "zoomeye", "grid"]


class Choices(Contract):
    """What differs from the server's own settings; None keeps the server's.

    ``see`` and ``decide`` are references of models. A limit of ``budget`` can be made smaller than the server's, not
    larger. ``boost`` multiplies a local model's attention on what the user asked for once and for all.
    """

    see: str | None = Field(default=None, max_length=500)
    decide: str | None = Field(default=None, max_length=500)
    strategy: Strategy | None = None
    instructions: str | None = Field(default=None, max_length=8000)
    boost: float | None = Field(default=None, gt=0, le=100)
    budget: BudgetLimits = Field(default_factory=BudgetLimits)

    @property
    def models(self) -> dict[str, str]:
        """The models that were chosen, by role."""
        return {role: name for role in ("see", "decide") if (name := getattr(self, role))}

    def over(self, other: Choices) -> Choices:
        """Return these choices, and the other's where these say nothing."""
        mine = {name: value for name, value in self if value is not None and name != "budget"}
        budget = other.budget.model_dump() | self.budget.model_dump(exclude_none=True)
        return other.model_copy(update={**mine, "budget": BudgetLimits.model_validate(budget)})


class Again(Contract):
    """Another answer to the turn ``of``, with its own run and choices. The conversation does not remember it."""

    key: str
    of: str
    run: str
    time: float
    choices: Choices = Field(default_factory=Choices)


class Kept(Contract):
    choices: Choices = Field(default_factory=Choices)
    again: list[Again] = Field(default_factory=list)


class ChoiceBook:
    """One small file a conversation, named by its key; what is not there is the default."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._known: dict[str, Kept] = {path.stem: _read(path) for path in _files(self._folder)}

    def choices(self, conversation: str) -> Choices:
        """Return what was chosen for a conversation."""
        return self._of(conversation).choices

    def choose(self, conversation: str, choices: Choices) -> None:
        """Keep what was chosen."""
        self._put(conversation, self._of(conversation).model_copy(update={"choices": choices}))

    def add(self, conversation: str, again: Again) -> None:
        """Keep that a turn was asked again."""
        known = self._of(conversation)
        self._put(conversation, known.model_copy(update={"again": [*known.again, again]}))

    def again(self, of: str) -> list[Again]:
        """Return the other answers to a turn, oldest first."""
        return [item for kept in self._known.values() for item in kept.again if item.of == of]

    def find(self, key: str) -> tuple[str, Again] | None:
        """Return the conversation's key and the other answer of a key."""
        for conversation, kept in self._known.items():
            for item in kept.again:
                if item.key == key:
                    return conversation, item
        return None

    def remove(self, conversation: str) -> list[Again]:
        """Forget a conversation; return the other answers that were of it."""
        known = self._known.pop(conversation, Kept())
        self._path(conversation).unlink(missing_ok=True)
        return known.again

    def _of(self, conversation: str) -> Kept:
        return self._known.get(conversation, Kept())

    def _put(self, conversation: str, kept: Kept) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._path(conversation).with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(kept.model_dump_json(exclude_none=True))
        draft.replace(self._path(conversation))
        self._known[conversation] = kept

    def _path(self, conversation: str) -> Path:
        return self._folder / f"{conversation}.json"


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.json")) if folder.is_dir() else ()


def _read(path: Path) -> Kept:
    return Kept.model_validate(json.loads(path.read_text("utf-8")))
