"""One agent inside a node of another: a subgraph on the same run, budget and questions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from langgraph.runtime import Runtime

from ..contracts.event import EventBase
from ..contracts.run import ModelInfo, RunInfo
from .context import Context
from .run import Run
from .scope import current_scope, enter_node

if TYPE_CHECKING:
    from .agent import GraphAgent, Outcome


class InnerModels(dict[str, ModelInfo]):
    """The models that play an inner agent's roles, noted in the outer run's table under names of their own.

    The inner agent may use other models than the outer one; a replay must know which. ``kind.role`` is the name,
    with the place before it for a second agent of the kind that uses yet another model.
    """

    def __init__(self, table: dict[str, ModelInfo], kind: str, place: str) -> None:
        self._table, self._kind, self._place = table, kind, place
        own = {name.rpartition(".")[2]: info for name, info in table.items() if name.startswith(f"{kind}.")}
        here = {
            name.rpartition(".")[2]: info
            for name, info in table.items()
            if name.startswith(f"{place}/{kind}.")
        }
        super().__init__({**table, **own, **here})

    def __setitem__(self, role: str, info: ModelInfo) -> None:
        super().__setitem__(role, info)
        self._table.setdefault(role, info)
        name = f"{self._kind}.{role}"
        if self._table.setdefault(name, info) != info:
            self._table[f"{self._place}/{name}"] = info


class InnerRun(Run):
    """A run as an agent inside one of its nodes sees it: its own task and arguments, and its own actions."""

    def __init__(self, outer: Run, agent: str, task: str, arguments: dict[str, Any], scope: str) -> None:
        self.outer = outer
        self.folder, self.recording, self.listeners = outer.folder, outer.recording, outer.listeners
        self.replaying, self.attempt = outer.replaying, outer.attempt
        models = InnerModels(outer.info.models, agent, scope)
        own = {"agent": agent, "task": task, "arguments": arguments, "models": models}
        self._info = outer.info.model_copy(update=own)
        self.journal = outer.journal.inside(scope)
        self.corrections = outer.corrections

    @property
    def info(self) -> RunInfo:
        return self._info

    def emit(self, event: EventBase) -> None:
        self.outer.emit(event)


async def run_inside(
    agent: GraphAgent, context: Context, task: str, arguments: Mapping[str, Any] | None = None
) -> Outcome:
    """Run an agent's graph inside the running node and return what it came to.

    At most one agent may run in a node, and the node should do nothing else: when the inner agent asks, the node
    is interrupted and runs again from its top, and the inner graph goes on from its own checkpoint, with what it
    had opened (a browser) still open.
    """
    kept = agent.keep(context.run, dict(arguments or {}))
    place = f"{current_scope()}/{agent.kind}"
    if place not in context.inner:
        run = InnerRun(context.run, agent.kind, task, kept, current_scope())
        context.inner[place] = agent.make_context(run, context.budget)
        context.inner[place].control = context.control
        await context.stack.enter_async_context(context.inner[place].stack)
    inner = context.inner[place]
    hearers = context.run.corrections.hearers
    if agent.steerable:
        hearers.append(agent.check_correction)
    try:
        # The graph declares no context type: agents hand over their own kinds of context.
        state = await agent.graph.ainvoke(agent.begin(task, kept), context=cast("Any", inner))
    finally:
        if agent.steerable:
            hearers.remove(agent.check_correction)
    await context.inner.pop(place).stack.aclose()
    return agent.outcome(state)


def as_node(
    agent: GraphAgent, ask: Callable[[Any], Any], tell: Callable[[Outcome], Mapping[str, Any]]
) -> Callable[..., Awaitable[Mapping[str, Any]]]:
    """Return a node of any langgraph graph that gives an agent a task.

    ``ask`` makes of the outer state the task, or (task, arguments of ``arun``); ``tell`` makes of the outcome the
    outer state's update. The outer graph's checkpointer is used; the run folder is the outer run's if it has one.
    """

    async def run_node(state: Any, runtime: Runtime[Any]) -> Mapping[str, Any]:
        asked = ask(state)
        task, arguments = asked if isinstance(asked, tuple) else (asked, {})
        with enter_node(agent.kind):
            return tell(await run_inside(agent, agent._context_of(runtime), task, arguments))

    run_node.__name__ = agent.kind
    return run_node
