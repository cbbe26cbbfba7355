"""Corrections of the user in the middle of a run: heard before a decision, and part of the task from then on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, cast

from .context import WebContext
from .state import WebState
from .values import CORRECTION, tokens_of, values_in

Node = Callable[[WebState, WebContext], Awaitable[dict[str, Any]]]


def listening(decide: Node) -> Node:
    """Return a decide node that hears the user first, and decides anew when they spoke meanwhile.

    What was decided without them is dropped: it was not done yet. So is what was decided about a page that they took
    over meanwhile, which is looked at anew.
    """

    @wraps(decide)
    async def decide_and_listen(state: WebState, context: WebContext) -> dict[str, Any]:
        if await context.handed_back("before"):
            return {"route": "observe"}
        before = list(state.get("corrections", ()))
        said = context.run.corrections.hear(len(before))
        known: dict[str, Any] = {}
        if said:
            known = {
                "corrections": [*before, *said],
                "task": told(state["task"], said),
                "answers": still_true(state["answers"], said),
            }
        # Keys of the state, with values of its types: a typed dictionary can't be told so.
        update = await decide(cast("WebState", {**state, **known}), context)
        await context.control.released()
        if context.run.corrections.waiting(len(before) + len(said)):
            update = {"route": "decide"}
        elif await context.handed_back("after"):
            update = {"route": "observe"}
        return {**known, **update}

    return decide_and_listen


def told(task: str, corrections: Sequence[str]) -> str:
    """Return a task with what the user said of it later."""
    return "".join([task, *(CORRECTION + " ".join(text.split()) for text in corrections)])


def still_true(answers: Sequence[dict[str, Any]], said: Sequence[str]) -> list[dict[str, Any]]:
    """Return the user's answers without those to whose field a correction gives a value."""
    named = {word for value in values_in(told("", said)) for word in tokens_of(value.cue)[-2:]}
    return [answer for answer in answers if not named & set(tokens_of(answer["cue"]))]
