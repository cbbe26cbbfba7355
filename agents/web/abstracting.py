"""The abstract node: of a page, what bears on the task (state abstraction, Synapse)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentkit.contracts.event import Abstracted

from .context import WebContext
from .page import load_snapshot
from .prompt import with_answers
from .state import WebState
from .values import Value


@dataclass(frozen=True)
class Abstracting:
    """Shortens pages. ``budget``: tokens (of four characters) that a page may take in the policy's prompts."""

    budget: int

    async def abstract(self, state: WebState, context: WebContext) -> dict[str, Any]:
        """Keep of the page the lines that bear on the task with its answers; a small page is kept whole."""
        snapshot = load_snapshot(state["page"])
        instruction = with_answers(state["task"], [Value(**item) for item in state["answers"]])
        whole, text = snapshot.text(), snapshot.text(self.budget, instruction)
        shorter = text if text != whole else ""
        context.run.emit(Abstracted(characters=len(text), of=len(whole), text=shorter))
        return {"abstract": text}
