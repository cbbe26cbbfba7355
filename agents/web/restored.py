"""A run that goes on opens its page anew: what of the page that was left is not there any more is told."""

from __future__ import annotations

from agentkit.contracts.event import Note

from ...tools.browser import Snapshot, observe
from .context import WebContext
from .loops import PageKey
from .page import load_snapshot
from .state import WebState


async def look_for_loss(state: WebState, context: WebContext) -> None:
    """Compare the page that a run goes on with, before it is acted on, with the one that was decided about."""
    session = await context.session()
    tell_of_loss(state, await observe(session), len(session.tabs), context)


def tell_of_loss(state: WebState, now: Snapshot, tabs: int, context: WebContext) -> None:
    """Emit what a page that was opened anew lacks of the page of the last observation, as warnings of the run."""
    for text in losses(state, now, tabs):
        context.run.emit(Note(level="warning", text=text))


def losses(state: WebState, now: Snapshot, tabs: int) -> list[str]:
    """Return in words what a page that was opened anew lacks of the page of the last observation."""
    before, task, history = load_snapshot(state["page"]), state["task"], state["history"]
    key, found = PageKey.of(before, task), []
    if (closed := len(state["tabs"]) - tabs) > 0:
        found.append(f"not opened again: {closed} of {len(state['tabs'])} tabs")
    # After an action on the page that was left nobody knows how it would look.
    acted = bool(history) and history[-1]["state"] == key.exact
    if not acted and key.loose != PageKey.of(now, task).loose:
        found.append(f"the page opened anew is not as it was left: it was {before.url}, it is {now.url}")
    return found
