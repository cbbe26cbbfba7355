"""The nodes that act: one effect through the journal, settled by hand when its end is unknown, and checked."""

from __future__ import annotations

from typing import Any

from agentkit.errors import ToolError
from agentkit.runtime.journal import Effect, UnknownAction

from ...tools.browser import ACTIONS, Action, replayable
from .candidates import Candidate, decided
from .context import WebContext
from .dialogs import PROMPT, asked_in
from .offer import done_step
from .page import load_snapshot
from .restored import look_for_loss
from .state import WebState
from .undo import NAME as UNDO


async def act(state: WebState, context: WebContext) -> dict[str, Any]:
    """Do the decided action, once, through the journal."""
    if await context.handed_back("before"):
        # Decided about a page that the user has changed since.
        return {"route": "check"}
    choice = decided(state["decision"])
    effect, action = _effect(state, choice)

    async def do() -> dict[str, Any]:
        if not context.current:
            await look_for_loss(state, context)
        found = await context.do(action)
        moved = context.episode is None and (found.navigated or found.sent or effect.irreversible)
        return {**found.to_json(), "anchor": found.url_after if moved else None}

    try:
        outcome = await context.run.journal.act(effect, do)
    except UnknownAction:
        return {"route": "confirm", "trouble": "an earlier attempt of this run was cut off in it"}
    except ToolError as error:
        if effect.irreversible:
            return {"route": "confirm", "trouble": error.message}
        return {
            "route": "check",
            "history": [*state["history"], done_step(state, choice, False, error.message)],
            "dialog": None,
        }
    sent = outcome.get("sent", False)
    step = done_step(state, choice, outcome["changed"], outcome["text"], sent=sent)
    asked = asked_in(outcome["dialogs"], choice)
    done = {"route": "check", "history": [*state["history"], step], "dialog": asked and asked.to_json()}
    if asked is not None and asked.kind != PROMPT and context.config.dialogs == "ask":
        why = "the page asked this in a dialog, which was dismissed; its words are the page's"
        return {
            **done,
            "route": "approve",
            "decision": asked.accepted().to_json(),
            "approval": why,
            "trouble": "",
        }
    return done


async def settle(state: WebState, context: WebContext) -> dict[str, Any]:
    """Write down that an action happened, as the user said."""
    choice = decided(state["decision"])
    effect, _ = _effect(state, choice)
    context.run.journal.settle(effect, {"anchor": state["page"]["url"], "settled": True})
    step = done_step(state, choice, True, "it happened, as the user said")
    spent = [*state["spent"], choice.words]
    return {"history": [*state["history"], step], "spent": spent, "dialog": None}


async def check(state: WebState, context: WebContext) -> dict[str, Any]:
    """End an episode that is over by its own rules."""
    if not state["episode"]:
        return {"route": "observe"}

    async def look() -> bool:
        assert context.episode is not None, "an episode is only played with its own rules"
        return await context.episode.over(await context.session())

    over = await context.run.journal.read("over", {"steps": len(state["history"])}, look)
    return {"route": "end", "answer": "the episode is over"} if over else {"route": "observe"}


def _effect(state: WebState, choice: Candidate) -> tuple[Effect, Action]:
    action = choice.action
    assert action is not None, "only candidates with an action are acted on"
    snapshot = load_snapshot(state["page"])
    box = snapshot.get(action.element).box if action.element and action.element in snapshot else None
    effect = Effect(
        action.name,
        {"action": action.to_json(), "number": len(state["history"])},
        choice.words,
        # What an action of the user's own does when it is repeated, nobody knows.
        replayable=replayable(action) and (action.name in ACTIONS or action.name == UNDO),
        irreversible=state.get("approval") is not None,
        box=box,
    )
    return effect, action
