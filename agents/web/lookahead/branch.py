"""Branches: the page of a run once more in a tab of its own that only reads, and what actions make of it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentkit.errors import ToolError

from ....tools.browser import Action, Snapshot, irreversible, observe, replay, replayable
from ....tools.browser.reading import held_back
from ..candidates import Candidate
from ..context import WebContext
from ..loops import PageKey
from ..page import load_snapshot
from ..state import WebState
from ..undo import NAME as UNDO

HELD = "it sends something to the server"


class Branches:
    """Opens the run's page again and again, from one decision.

    A state is cookies and local storage as they are now, the last place that must not be reached twice, and the
    actions since then. Nothing is sent from here: what is not a GET is refused at the network.
    """

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._storage: Any = None

    async def reach(self, number: int, path: Sequence[Action]) -> dict[str, Any]:
        """Return what a path of actions leads to: ``page`` and ``screen``, or ``why`` it leads nowhere (``held``:
        because nothing may be sent).

        It is read through the journal, so that a replay finds it; ``number`` is that of the observation before.
        """

        async def look() -> dict[str, Any]:
            try:
                return await self._visit(path)
            except ToolError as error:
                return {"why": error.message}

        arguments = {"number": number, "path": [action.to_json() for action in path]}
        return await self._context.run.journal.read("look ahead", arguments, look)

    async def _visit(self, path: Sequence[Action]) -> dict[str, Any]:
        context, session = self._context, await self._context.branch()
        if self._storage is None:
            self._storage = await (await context.session()).context.storage_state()
        anchor, entries = context.way_back()
        if broken := next((e for e in entries if not e.effect.replayable or e.effect.irreversible), None):
            raise ToolError(f"{broken.effect.describe} can't be repeated")
        await session.context.set_storage_state(self._storage)
        await session.fresh_page()
        await context.start(session, anchor)
        for entry in entries:
            await replay(session, Action.from_json(entry.effect.arguments["action"]))
        mark = session.events.total
        for action in path:
            mark = session.events.total
            await replay(session, action)
        if path and held_back(session.events, mark):
            return {"why": HELD, "held": True}
        snapshot, picture = await observe(session), await session.screenshot()
        return {"page": snapshot.to_json(), "screen": context.run.put_image(picture)}


def unlike(state: WebState, found: dict[str, Any]) -> str:
    """Return why a restored page is not the run's page; empty when it is the same but for what changes by itself."""
    if "why" in found:
        return found["why"]
    keys = [PageKey.of(load_snapshot(page), state["task"]) for page in (state["page"], found["page"])]
    return "" if keys[0].loose == keys[1].loose else "it looks otherwise there"


def not_to_try(choice: Candidate, snapshot: Snapshot, *, sandbox: bool) -> str:
    """Return why an action must not be tried in a branch; empty when it may be."""
    if choice.action is None:
        return "it needs an answer" if choice.ask else "it ends the task"
    if choice.action.name == UNDO:
        return "it takes back"
    if not replayable(choice.action):
        return "it can't be repeated"
    if sandbox:
        return ""
    if choice.kind == "fill" and choice.value and choice.value.source == "page":
        return "its value comes from the page"
    return irreversible(snapshot, choice.action) or ""
