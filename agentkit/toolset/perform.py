"""A tool call inside a run: checked, journalled by its effect, reported."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..contracts.event import ToolCalled
from ..errors import ToolError
from .base import Tool
from .context import ToolContext
from .outcome import outcome_data

if TYPE_CHECKING:
    from ..runtime.context import Context


async def perform(
    tool: Tool, arguments: Mapping[str, Any], context: Context, *, approved: bool = False
) -> Any:
    """Call a tool inside a node of a run and return its outcome as JSON data.

    A replay and a resumed run get the recorded outcome. Raises ``ToolError``, and ``UnknownAction`` when an
    earlier attempt of the run died in this call and it can't simply be repeated.
    """
    given, inside = dict(arguments), ToolContext(context, approved)
    start = time.perf_counter()
    try:
        tool.check(given, inside)
        outcome = await _journalled(tool, given, inside, context)
    except ToolError as error:
        seconds = time.perf_counter() - start
        context.run.emit(ToolCalled(tool=tool.name, arguments=given, error=str(error), seconds=seconds))
        raise
    seconds = time.perf_counter() - start
    context.run.emit(ToolCalled(tool=tool.name, arguments=given, outcome=outcome, seconds=seconds))
    return outcome


async def _journalled(tool: Tool, given: dict[str, Any], inside: ToolContext, context: Context) -> Any:
    async def call() -> Any:
        return outcome_data(await tool.call(given, inside), inside)

    journal = context.run.journal
    if tool.effect == "inner":
        return await call()
    if tool.effect == "read":
        return await journal.read(tool.name, given, call)
    return await journal.act(effect_of(tool, given), call)


def effect_of(tool: Tool, arguments: dict[str, Any]) -> Any:
    """Return a tool call as the journal's effect."""
    # The runtime is imported late: it brings langgraph, which tools by themselves do not need.
    from ..runtime.journal import Effect

    return Effect(
        tool.name,
        arguments,
        tool.describe(arguments),
        replayable=tool.effect == "replayable",
        irreversible=tool.effect == "irreversible",
    )
