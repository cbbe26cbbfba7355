"""Where a turn goes: what facts settle, and whom to ask for the rest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TypeAlias

from agentkit.content import Message, Text
from agentkit.errors import UnsupportedCapability
from agentkit.models import Model
from agentkit.models.base import INSTEAD

from .ability import Ability
from .nearness import Nearness

# The name of an ability.
Route: TypeAlias = str

# What people type for an address: a host with a dot, or this machine.
PLACE = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?([/?#]\S*)?", re.IGNORECASE)
URL = re.compile(r"\bhttps?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]}]", re.IGNORECASE)

MARKS = re.compile(r"[\s?!.,;:…*#'\"-]*")

# What a small model needs to see: which word goes with which kind of turn.
SHOTS = 3
NOTHING = "..."


def url_in(text: str) -> str | None:
    """Return the first web address in a text."""
    found = URL.search(text)
    return found[0] if found else None


def address_of(text: str) -> str | None:
    """Return the web address that an answer is, with its scheme; None when it is none."""
    text = text.strip()
    if PLACE.fullmatch(text):
        return f"https://{text}"
    return text if URL.fullmatch(text) else None


def settled(text: str, *, pictures: bool) -> Route | None:
    """Return the route that facts settle: an attached picture, an address, nothing but marks. None when they do not."""
    if pictures == (url_in(text) is not None):
        return "ask" if not pictures and MARKS.fullmatch(text) else None
    return "look" if pictures else "browse"


async def choose(
    model: Model,
    text: str,
    abilities: Mapping[Route, Ability],
    *,
    before: str | None = None,
    nearness: Nearness | None = None,
) -> Route:
    """Return which of the ``abilities`` a turn goes to. ``before`` is what the user said in the turn before.

    With ``nearness`` the examples decide. Else the model does: by likelihood where it scores options, by a schema
    where it follows one. Raises ``UnsupportedCapability`` when it can do neither.
    """
    if len(abilities) == 1:
        return next(iter(abilities))
    if nearness is not None:
        return await asyncio.to_thread(_near, nearness, text, abilities, before)
    if model.capabilities.scoring:
        return await _scored(model, text, abilities)
    if model.capabilities.schema:
        return await _written(model, text, abilities, before)
    raise UnsupportedCapability(
        f"{model.reference} can neither score options nor follow a schema", mend=INSTEAD["schema"]
    )


def _near(nearness: Nearness, text: str, abilities: Mapping[Route, Ability], before: str | None) -> Route:
    """Choose by the examples. A turn that is unclear by itself is read together with the one before it."""
    shots = {name: ability.shots for name, ability in abilities.items() if ability.shots}
    best = _best(nearness.scores(text, shots))
    if best == "ask" and before:
        best = _best(nearness.scores(f"{before} {text}", shots))
    return best


def _best(scores: Mapping[Route, float]) -> Route:
    return max(scores, key=scores.__getitem__)


async def _scored(model: Model, text: str, abilities: Mapping[Route, Ability]) -> Route:
    """Choose by the likelihood of one word a route, against that of the same words after an empty turn.

    What a model would say anyway should not count (contextual calibration, arXiv 2102.09690).
    """
    options = [ability.word for ability in abilities.values()]
    prompts = [_shots(text, abilities), _shots(NOTHING, abilities)]
    with_turn, without = await model.score_each(prompts, options)
    pairs = zip(abilities, with_turn.values("sum"), without.values("sum"), strict=True)
    return _best({name: a - b for name, a, b in pairs})


def _shots(text: str, abilities: Mapping[Route, Ability]) -> list[Message]:
    words = ", ".join(ability.word for ability in abilities.values())
    system = Message.system(f"Say what the user's message is about, in one word: {words}.")
    replies = {name: ability.word for name, ability in abilities.items()}
    return [system, *_turns(abilities, replies), Message.user(Text(text, "query"))]


def _turns(abilities: Mapping[Route, Ability], replies: Mapping[Route, str]) -> list[Message]:
    """Return examples as turns, the abilities by turns, with the reply that stands for each."""
    messages: list[Message] = []
    for number in range(SHOTS):
        for name, ability in abilities.items():
            if number < len(ability.shots):
                messages += [
                    Message.user(Text(ability.shots[number], "exemplar")),
                    Message.assistant(Text(replies[name], "exemplar")),
                ]
    return messages


async def _written(model: Model, text: str, abilities: Mapping[Route, Ability], before: str | None) -> Route:
    listed = "\n".join(f"{name}: {ability.line}" for name, ability in abilities.items())
    schema = {
        "type": "object",
        "properties": {"route": {"enum": list(abilities)}},
        "required": ["route"],
        "additionalProperties": False,
    }
    told = f"\nBefore this message the user said: {before}" if before else ""
    messages = [
        Message.system(f"Say how the user's message should be dealt with, as JSON:\n{listed}{told}"),
        *_turns(abilities, {name: f'{{"route": "{name}"}}' for name in abilities}),
        Message.user(Text(text, "query")),
    ]
    return (await model.generate(messages, schema=schema)).data["route"]
