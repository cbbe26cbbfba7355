"""Does moved attention help a small model to choose? One of four page elements, by likelihood.

Two solved exemplars, a task ("I want to archive my ticket."), a page of four buttons; half of the wrong ones share
their verb or noun with the right one. The family of ``agentkit eval attention``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agentkit.content import Message, Text
from agentkit.models.base import Model

from .family import Family, Item, Method
from .fits import fitted
from .methods import boosts, buckets, pasta, steering, unedited

NOUNS = [
    "invoice",
    "order",
    "ticket",
    "profile",
    "report",
    "calendar",
    "photo",
    "message",
    "account",
    "password",
    "coupon",
    "playlist",
    "recipe",
    "flight",
    "hotel",
    "contract",
    "budget",
    "survey",
    "lesson",
    "bookmark",
]
VERBS = [
    "delete",
    "share",
    "print",
    "rename",
    "archive",
    "download",
    "edit",
    "duplicate",
    "export",
    "publish",
]
PHRASES = (
    "Please {verb} the {noun}.",
    "I want to {verb} my {noun}.",
    "{Verb} the {noun} on this page.",
    "Could you {verb} the {noun} for me?",
)

Pair = tuple[str, str]


@dataclass(frozen=True)
class Choice:
    """A task, the buttons of its page, and which of them does it."""

    task: str
    buttons: tuple[Pair, ...]
    right: int

    @property
    def page(self) -> str:
        """The page as text, one button a line."""
        lines = (f'[{i}] button "{verb.title()} {noun}"' for i, (verb, noun) in enumerate(self.buttons))
        return "\n".join(lines)

    @property
    def options(self) -> list[str]:
        """The action on each button."""
        return [f'click "{verb.title()} {noun}"' for verb, noun in self.buttons]


def make_choice(rng: random.Random) -> Choice:
    """Return a random choice; every second wrong button shares its verb or its noun with the right one."""
    verb, noun = rng.choice(VERBS), rng.choice(NOUNS)
    wrong: set[Pair] = set()
    while len(wrong) < 3:
        other = (rng.choice(VERBS), rng.choice(NOUNS))
        if rng.random() < 0.5:
            other = (verb, other[1]) if rng.random() < 0.5 else (other[0], noun)
        if other != (verb, noun):
            wrong.add(other)
    buttons = [(verb, noun), *sorted(wrong)]
    rng.shuffle(buttons)
    task = rng.choice(PHRASES).format(verb=verb, Verb=verb.title(), noun=noun)
    return Choice(task, tuple(buttons), buttons.index((verb, noun)))


class ElementChoice(Family):
    """Choosing one of four page elements, as the web agent does."""

    name = "choice"
    title = "choose one of four page elements that does the task"
    role: Literal["see", "decide"] = "decide"

    def item(self, seed: int) -> Item:
        rng = random.Random(seed)
        messages = [Message.system("You use web pages. Choose the action that does the task.")]
        for _ in range(2):
            shown = make_choice(rng)
            asked = f"Task: {shown.task}\nPage:\n{shown.page}\nAction:"
            messages += [
                Message.of("user", Text(asked, "exemplar")),
                Message.of("assistant", Text(shown.options[shown.right], "exemplar")),
            ]
        choice = make_choice(rng)
        page = Text(f"Page:\n{choice.page}\nAction:", "observation", "untrusted")
        messages.append(Message.of("user", Text(f"Task: {choice.task}", "instruction"), page))
        return Item(seed, tuple(messages), tuple(choice.options), choice.right)

    async def methods(self, model: Model) -> Sequence[Method]:
        return [
            unedited(),
            *boosts("instruction", 5, 15, 40),
            await fitted("pasta", lambda: pasta(model, "instruction")),
            buckets(),
            await fitted("steering", lambda: steering(model, self, "instruction")),
        ]
