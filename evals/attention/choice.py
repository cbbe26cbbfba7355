"""Does moved attention help a small model to choose? One of four page elements, by likelihood.

    agentkit eval attention [--decide hf:...]

Two solved exemplars, a task ("I want to archive my ticket."), a page of four buttons; half of the wrong ones share
their verb or noun with the right one. Items come from seeds of their own; tuning uses 10,000 to 19,999.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentkit.attention import Boost
from agentkit.config import Settings
from agentkit.content import Message, Text
from agentkit.contracts.evaluation import Evaluation
from agentkit.models.base import Model
from agentkit.models.roles import Roles

from ..intervals import paired_difference, proportion
from ..keep import keep

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
FACTORS = (1.0, 5.0, 15.0, 40.0)
FIRST_SEED, ITEMS = 1, 60

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


def prompt_of(seed: int) -> tuple[list[Message], Choice]:
    """Return the prompt of an item and the choice that it asks for."""
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
    return messages, choice


async def measure(model: Model, seeds: Sequence[int], factors: Sequence[float] = FACTORS) -> Evaluation:
    """Return the share of right choices at each factor, and the paired gain over no edit."""
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        messages, choice = prompt_of(seed)
        row: dict[str, Any] = {"seed": seed, "task": choice.task}
        for factor in factors:
            edits = [] if factor == 1 else [Boost("instruction", factor)]
            scores = await model.score(messages, choice.options, edits=edits)
            row[f"right.{factor:g}"] = scores.best("mean") == choice.right
        rows.append(row)
    metrics = {}
    plain = [float(row[f"right.{factors[0]:g}"]) for row in rows]
    for factor in factors:
        right = [float(row[f"right.{factor:g}"]) for row in rows]
        metrics[f"right.{factor:g}"] = proportion(int(sum(right)), len(right))
        if factor != factors[0]:
            metrics[f"gain.{factor:g}"] = paired_difference(right, plain)
    return Evaluation(name="attention", model=model.reference, items=len(rows), metrics=metrics, rows=rows)


async def evaluate(settings: Settings, out: Path | None) -> Evaluation:
    """Run the evaluation on the model that decides (``agentkit eval attention``); it is kept in ``out``."""
    roles = Roles(settings)
    found = await measure(await roles.decide(), range(FIRST_SEED, FIRST_SEED + ITEMS))
    await roles.aclose()
    return keep(found, out)
