"""The nodes that take in: the page, and what was done before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from agentkit.contracts.event import Observed, Recalled

from .context import WebContext
from .library import Library
from .page import load_snapshot, without_ids
from .restored import tell_of_loss
from .state import WebState, first_state


@dataclass(frozen=True)
class Looking:
    """Looks at the page and into the memory. ``exemplars``: how many are shown to a model."""

    library: Library
    exemplars: int

    async def observe(self, state: WebState, context: WebContext) -> dict[str, Any]:
        """Take a snapshot and a picture of the page."""
        # As a node of somebody else's graph the state holds a task and a URL, and nothing else yet.
        fresh = {} if "history" in state else first_state(state["task"], url=state.get("url"))
        context.start_at(state.get("url"))
        seen = state.get("seen", 0)

        async def look() -> dict[str, Any]:
            context.looked = context.control.handed_back
            snapshot, picture = await context.look()
            screen = context.run.put_image(picture)
            restored, context.current = not context.current, True
            session = await context.session()
            tabs = [session.secrets.redact(tab.url) for tab in session.tabs]
            page = {"page": snapshot.to_json(), "screen": screen, "tabs": tabs}
            downloads = await context.downloads()
            return {**page, "restored": restored, "blocked": session.refused, "downloads": downloads}

        found = await context.run.journal.read("observe", {"number": seen}, look)
        page = found["page"]
        if found["restored"] and seen:
            tell_of_loss(state, load_snapshot(page), len(found.get("tabs", ())), context)
        text = load_snapshot(page).text()
        context.run.emit(Observed(url=page["url"], title=page["title"], text=text, image=found["screen"]))
        return {
            **fresh,
            "page": page,
            "screen": found["screen"],
            "tabs": found.get("tabs", []),
            "seen": seen + 1,
            "downloads": found.get("downloads", []),
            "blocked": sorted({*state.get("blocked", ()), *found.get("blocked", ())}),
            "restored": len(state.get("history", ())) if found["restored"] else state.get("restored", 0),
            "route": "recall" if state.get("recalled") is None else "decide",
        }

    async def recall(self, state: WebState, context: WebContext) -> dict[str, Any]:
        """Look up exemplars and tips, once a run."""
        task, text = state["task"], without_ids(state["abstract"])

        async def look() -> list[dict[str, Any]]:
            screen, most = context.run.get_image(state["screen"]), self.exemplars
            return await asyncio.to_thread(self.library.look_up, task, text, most, context.run, screen)

        found = await context.run.journal.read("recall", {"task": task}, look)
        if found:
            items = [{key: item[key] for key in ("kind", "id", "task", "similarity")} for item in found]
            context.run.emit(Recalled(query=task, items=items))
        return {"recalled": found}
