"""Questions to the user: asked by a node through an interrupt, answered by whoever is there."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml
from langgraph.types import interrupt
from pydantic import ValidationError

from ..contracts.result import Question
from ..contracts.runfile import AnswerRule
from ..errors import UsageError
from ..runs.recording import digest
from .scope import current_scope


def ask_user(
    text: str, *, missing: str | None = None, choices: Sequence[str] = (), why: str | None = None
) -> str:
    """Ask the user and return the answer.

    The node that calls this runs again from its start when the answer is there: it must have no side effect of
    its own, and it must ask the same question again (DESIGN: questions and effects never share a node).
    """
    question = Question(
        id="q" + digest(current_scope(), text)[:8], text=text, missing=missing, choices=list(choices), why=why
    )
    return str(interrupt(question.model_dump()))


class Answerer(Protocol):
    """Someone who may answer. ``name`` is written into the run beside the answer."""

    name: str

    async def answer(self, question: Question) -> str | None:
        """Return the answer, or None when this one can't tell."""
        ...


class AnswersFile:
    """Answers by rules: the first whose ``match`` fits the question or what is missing. Each may serve often."""

    name = "answers file"

    def __init__(self, rules: Sequence[AnswerRule]) -> None:
        self.rules = list(rules)

    @classmethod
    def load(cls, path: Path) -> AnswersFile:
        """Read a YAML list of ``{match, answer}``. Raises ``UsageError`` that names the file and the item."""
        if not path.is_file():
            raise UsageError(f"there is no answers file {path}")
        try:
            data = yaml.safe_load(path.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is not YAML: {error}") from error
        if not isinstance(data, list):
            raise UsageError(f"{path}: an answers file is a list of {{match, answer}}")
        try:
            return cls([AnswerRule.model_validate(_texts(item)) for item in data])
        except ValidationError as error:
            raise UsageError(f"{path}: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from error

    async def answer(self, question: Question) -> str | None:
        return next((rule.answer for rule in self.rules if rule.fits(question)), None)


class Callback:
    """Answers by a function of the question, sync or async."""

    def __init__(
        self, ask: Callable[[Question], str | Awaitable[str | None] | None], name: str = "caller"
    ) -> None:
        self._ask, self.name = ask, name

    async def answer(self, question: Question) -> str | None:
        answer = self._ask(question)
        return await answer if inspect.isawaitable(answer) else answer


def _texts(item: Any) -> Any:
    # YAML reads `answer: 7` and `answer: yes` as a number and a truth value; people mean the words.
    if not isinstance(item, dict):
        return item
    words = {True: "yes", False: "no"}
    return {
        key: words[value]
        if isinstance(value, bool)
        else str(value)
        if isinstance(value, (int, float))
        else value
        for key, value in item.items()
    }
