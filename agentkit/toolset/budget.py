"""Budget: a number of calls in each run, shared by the tools of a toolset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import ToolError
from .base import Tool, ToolWrapper
from .context import ToolContext


class CallBudget:
    """Counts the calls of each run. A resumed run goes on from what its journal says was called before."""

    def __init__(self, calls: int, names: frozenset[str]) -> None:
        self.calls, self._names = calls, names
        self._by_run: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._by_hand = 0

    def take(self, context: ToolContext | None) -> None:
        """Count a call. Raises ``ToolError`` when none is left."""
        run = context.run.run if context is not None and context.run is not None else None
        used = self._by_hand if run is None else self._by_run.get(run, self._before(run))
        if used >= self.calls:
            raise ToolError(f"all {self.calls} calls of {', '.join(sorted(self._names))} are used up")
        if run is None:
            self._by_hand = used + 1
        else:
            self._by_run[run] = used + 1

    def _before(self, run: Any) -> int:
        lines = run.folder.lines("journal.jsonl") if run.attempt > 1 else []
        ended = [line for line in lines if line.get("name") in self._names and line["state"] != "pending"]
        return len(ended)


class Budgeted(ToolWrapper):
    """Calls a tool while its budget lasts; then the model is told so."""

    def __init__(self, inner: Tool, budget: CallBudget) -> None:
        super().__init__(inner)
        self._budget = budget

    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        self._budget.take(context)
        return await self.inner.call(arguments, context)
