"""Where a turn goes: to a plain answer, to the eyes, or to the browser."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from agentkit.content import Message, Text
from agentkit.errors import UnsupportedCapability
from agentkit.models import Model
from agentkit.models.base import INSTEAD

Route = Literal["answer", "look", "browse"]

# What people type for an address: a host with a dot, or this machine.
PLACE = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?([/?#]\S*)?", re.IGNORECASE)
URL = re.compile(r"\bhttps?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]}]", re.IGNORECASE)

ABILITIES: Mapping[Route, str] = {
    "answer": "answer from what you know and from the conversation so far",
    "look": "look at a picture of the conversation and say what is in it",
    "browse": "open a web page in a browser, read it, click and fill in forms on it",
}

# One word a route, of about one length, so that likelihoods can be compared.
WORDS: Mapping[Route, str] = {"answer": "talk", "look": "picture", "browse": "website"}

# What a small model needs to see: which word goes with which kind of turn.
SHOTS: tuple[tuple[str, Route], ...] = (
    ("Hello, how are you?", "answer"),
    ("What colour is the hat of the man in the photo?", "look"),
    ("Fill in the contact form with my name.", "browse"),
    ("Explain how rain is made.", "answer"),
    ("How many chairs can you see?", "look"),
    ("Log in and order two tickets.", "browse"),
    ("Write a short poem about the sea.", "answer"),
    ("Is there a dog on the left?", "look"),
    ("Click the search button and find trains to Graz.", "browse"),
    ("What is the capital of France?", "answer"),
)
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
    """Return the route that facts settle: an attached picture, or an address. None when they do not."""
    if pictures == (url_in(text) is not None):
        return None
    return "look" if pictures else "browse"


def possible(*, pictures: bool) -> tuple[Route, ...]:
    """Return the routes that a turn may take; ``pictures`` says whether the conversation has any."""
    return ("answer", "look", "browse") if pictures else ("answer", "browse")


async def choose(model: Model, text: str, routes: Sequence[Route]) -> Route:
    """Return the model's choice among ``routes``: by likelihood where it scores options, else by a schema.

    Raises ``UnsupportedCapability`` when the model can do neither.
    """
    if len(routes) == 1:
        return routes[0]
    if model.capabilities.scoring:
        return await _scored(model, text, routes)
    if model.capabilities.schema:
        return await _written(model, text, routes)
    raise UnsupportedCapability(
        f"{model.reference} can neither score options nor follow a schema", mend=INSTEAD["schema"]
    )


async def _scored(model: Model, text: str, routes: Sequence[Route]) -> Route:
    """Choose by likelihood, against that of the same words after an empty turn.

    What a model would say anyway should not count (contextual calibration, arXiv 2102.09690).
    """
    options = [WORDS[route] for route in routes]
    with_turn, without = await model.score_each([_shots(text, routes), _shots(NOTHING, routes)], options)
    gains = [a - b for a, b in zip(with_turn.values("sum"), without.values("sum"), strict=True)]
    return routes[max(range(len(routes)), key=gains.__getitem__)]


def _shots(text: str, routes: Sequence[Route]) -> list[Message]:
    words = ", ".join(WORDS[route] for route in routes)
    system = Message.system(f"Say what the user's message is about, in one word: {words}.")
    return [system, *_turns({route: WORDS[route] for route in routes}), Message.user(Text(text, "query"))]


def _turns(replies: Mapping[Route, str]) -> list[Message]:
    """Return the examples of the routes as turns, with the reply that stands for each."""
    messages = []
    for shot, route in SHOTS:
        if route in replies:
            messages += [
                Message.user(Text(shot, "exemplar")),
                Message.assistant(Text(replies[route], "exemplar")),
            ]
    return messages


async def _written(model: Model, text: str, routes: Sequence[Route]) -> Route:
    listed = "\n".join(f"{route}: {ABILITIES[route]}" for route in routes)
    schema = {
        "type": "object",
        "properties": {"route": {"enum": list(routes)}},
        "required": ["route"],
        "additionalProperties": False,
    }
    messages = [
        Message.system(f"Say how the user's message should be dealt with, as JSON:\n{listed}"),
        *_turns({route: f'{{"route": "{route}"}}' for route in routes}),
        Message.user(Text(text, "query")),
    ]
    return (await model.generate(messages, schema=schema)).data["route"]
