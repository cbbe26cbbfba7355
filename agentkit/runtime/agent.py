"""The base of every agent: a langgraph graph, run with a run folder, a budget, questions and resume."""

from __future__ import annotations

import abc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from ..config import Settings
from ..contracts.event import NodeEnded, NodeStarted, Note, RunResumed, RunStarted
from ..contracts.result import Evidence, Result
from ..contracts.run import RunInfo
from ..contracts.runfile import BudgetLimits
from ..errors import UsageError
from ..models.base import Model
from ..runs.folder import new_id
from .ask import Answerer
from .budget import Budget, limits_of
from .cast import Cast
from .context import Context, Control
from .drive import Driver
from .run import Listener, Run, span_of
from .scope import current_scope, enter_node
from .stream import events_of
from .sync import run_sync

Update = Mapping[str, Any] | Any
# The second argument is the context; an agent may have its own kind of it (see ``make_context``).
NodeFunction = Callable[[Any, Any], Awaitable[Update]]
StepHook = Callable[[str, Any], Awaitable[None] | None]


class Outcome:
    """What a finished (or cut short) state amounts to."""

    def __init__(
        self,
        answer: str | None = None,
        evidence: Sequence[Evidence] = (),
        output: Any = None,
        failure: str | None = None,
    ) -> None:
        self.answer, self.evidence, self.output, self.failure = answer, list(evidence), output, failure


class GraphNode:
    """A node of an agent's graph: scoped, reported, budgeted; a ``step`` counts as a step of the agent.

    An object, not a function: langgraph takes functions apart to find graphs in them, which costs more than all the
    rest of compiling.
    """

    def __init__(self, agent: GraphAgent, function: NodeFunction, *, step: bool) -> None:
        self.__name__ = function.__name__.strip("_")
        self._agent, self._function, self._step = agent, function, step

    async def __call__(self, state: Any, runtime: Runtime[Any]) -> Update:
        context, name = self._agent._context_of(runtime), self.__name__
        with enter_node(name) as number, span_of(current_scope()):
            await context.control.released()
            scope = current_scope()
            parent = scope.rpartition("/")[0] or None
            if parent is not None:
                # The driver sees the steps of the outermost graph only.
                context.control.check()
            context.budget.step(scope) if self._step else context.budget.check()
            around: dict[str, Any] = {"span": scope, "parent": parent}
            context.run.emit(NodeStarted(node=name, step=number, counted=self._step, **around))
            start = time.perf_counter()
            update = await self._function(state, context)
            took = time.perf_counter() - start
            context.run.emit(NodeEnded(node=name, step=number, seconds=took, **around))
            return update


class GraphAgent(abc.ABC):
    """A compiled graph behind ``run``, ``arun``, ``astream``, ``aresume`` and ``areplay``.

    ``model`` sets every role that it is capable of, ``see`` and ``decide`` one each: a reference or a ``Model``.
    ``cast`` shares loaded models between agents. ``answers`` are asked in turn when the agent has a question;
    when none can tell, the run pauses and the result says ``needs_input``. ``checkpointer`` and ``store`` are the caller's own, else each run keeps its
    checkpoint in its folder. ``hooks`` are called after every step with the node's name and its update.
    ``last_run`` is the folder of the run in progress, or of the last one.
    """

    kind: ClassVar[str]
    # Whether the graph hears corrections (see ``steer``).
    steerable: ClassVar[bool] = False

    def __init__(
        self,
        model: str | Model | None = None,
        *,
        see: str | Model | None = None,
        decide: str | Model | None = None,
        settings: Settings | None = None,
        budget: BudgetLimits | None = None,
        answers: Sequence[Answerer] = (),
        checkpointer: BaseCheckpointSaver | None = None,
        store: BaseStore | None = None,
        hooks: Sequence[StepHook] = (),
        cast: Cast | None = None,
    ) -> None:
        self.settings = settings or Settings.load()
        self.settings.apply()
        self.cast = cast or Cast(self.settings, model=model, see=see, decide=decide)
        self.limits = budget or limits_of(self.settings)
        self.answers = list(answers)
        self.checkpointer, self.store, self.hooks = checkpointer, store, list(hooks)
        self.listeners: list[Listener] = []
        self.control = Control()
        self.last_run: Path | None = None
        self._running: Run | None = None
        self._detached: dict[Hashable, Context] = {}
        self._graph: CompiledStateGraph | None = None

    # What a subclass says.

    @abc.abstractmethod
    def build(self) -> StateGraph:
        """Return the graph, made of ``self.node(...)`` nodes."""

    @abc.abstractmethod
    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call as JSON data, with pictures kept in the run; check them first."""

    @abc.abstractmethod
    def begin(self, task: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the first state for a task and kept arguments."""

    @abc.abstractmethod
    def outcome(self, state: dict[str, Any]) -> Outcome:
        """Return what a state amounts to, also when it was cut short."""

    def options(self) -> dict[str, Any]:
        """Return the constructor's own arguments as JSON data, so that ``resume`` can make the agent again."""
        return {}

    def make_context(self, run: Run, budget: Budget) -> Context:
        """Return the context of a run (a subclass may return its own kind)."""
        return Context(run, budget, self.cast, self.control)

    # What a user calls.

    @property
    def graph(self) -> CompiledStateGraph:
        """The compiled graph, to be used as a node of another graph or driven by hand."""
        if self._graph is None:
            self._graph = self.build().compile(
                checkpointer=self.checkpointer, store=self.store, name=self.kind
            )
        return self._graph

    async def arun(self, task: str, *, out: Path | str | None = None, **arguments: Any) -> Result:
        """Do a task. A question nobody answers and a spent budget are results, not exceptions."""
        run = self._start(task, Path(out) if out else None, arguments)
        return await self._drive(run, self.begin(task, run.info.arguments))

    def run(self, task: str, *, out: Path | str | None = None, **arguments: Any) -> Result:
        """Do a task and wait for it (``arun`` for callers that are not async)."""
        return run_sync(self.arun(task, out=out, **arguments))

    def astream(self, task: str, *, out: Path | str | None = None, **arguments: Any) -> AsyncIterator[Any]:
        """Yield the run's events as they happen, then the ``Result``."""
        return events_of(self, lambda: self.arun(task, out=out, **arguments))

    async def aresume(
        self, run: Result | Path | str, answer: str | None = None, *, correction: str | None = None
    ) -> Result:
        """Go on with a paused, stopped or killed run.

        ``answer`` answers its question, ``correction`` is heard before the next decision (see ``steer``).
        """
        if correction is not None:
            self.check_correction(correction)
        path = run.run if isinstance(run, Result) else run
        if path is None:
            raise UsageError("this result has no run folder to resume")
        resumed = Run.resume(Path(path))
        self._check_kind(resumed)
        if correction is not None:
            resumed.corrections.give(correction, "caller")
        return await self._drive(resumed, None, answer=answer)

    def resume(
        self, run: Result | Path | str, answer: str | None = None, *, correction: str | None = None
    ) -> Result:
        """``aresume`` for callers that are not async."""
        return run_sync(self.aresume(run, answer, correction=correction))

    async def areplay(self, run: Path | str) -> Result:
        """Repeat a recorded run from its recording; raises ``ReplayError`` when the decisions diverge."""
        replay = Run.replay(Path(run))
        self._check_kind(replay)
        return await self._drive(replay, self.begin(replay.info.task, replay.info.arguments))

    def stop(self) -> None:
        """Ask the running agent to stop after its current step; the run can be resumed."""
        self.control.stopping = True

    def pause(self) -> None:
        """Ask the running agent to pause after its current step; the result says ``needs_input``."""
        self.control.pausing = True

    def steer(self, text: str, by: str = "caller") -> None:
        """Tell the running agent what should be different: heard before its next decision, and kept with the run.

        A decision that was being made meanwhile is made anew. Raises ``UsageError`` when nothing runs, and for an
        agent that takes no corrections, unless one that runs inside it does.
        """
        running = self._running
        for check in (running.corrections.hearers if running else None) or [self.check_correction]:
            check(text)
        if running is None:
            raise UsageError(
                "no run is under way", mend="resume(run, correction=...) corrects one that is paused"
            )
        running.corrections.give(text, by)

    @property
    def hears(self) -> bool:
        """Whether what runs now takes corrections: the agent, or one that runs inside it."""
        return self._running is not None and (self.steerable or bool(self._running.corrections.hearers))

    def check_correction(self, text: str) -> None:
        """Raise ``UsageError`` for a correction that the agent can't take."""
        if not self.steerable:
            raise UsageError(
                f"the {self.kind!r} agent takes no corrections", mend="stop it and give it a new task"
            )

    async def aclose(self) -> None:
        """Close the models and whatever detached use of the graph opened."""
        for context in self._detached.values():
            await context.stack.aclose()
        self._detached.clear()
        await self.cast.aclose()

    # How nodes are made.

    def node(self, function: NodeFunction, *, step: bool = False) -> Callable[..., Awaitable[Update]]:
        """Return a graph node: scoped, reported, budgeted. ``step`` nodes count as a step of the agent."""
        return GraphNode(self, function, step=step)

    # Inside.

    def _start(self, task: str, out: Path | None, arguments: dict[str, Any]) -> Run:
        if not task.strip():
            raise UsageError("the task is empty", mend="say what to do, or what to answer")
        info = RunInfo(
            id=new_id(),
            agent=self.kind,
            task=task,
            created=time.time(),
            settings=self.options(),
            budget=self.limits.model_dump(exclude_none=True),
        )
        run = Run.start(info, out, under=self.settings.runs)
        info.arguments = self.keep(run, arguments)
        info.settings |= {"models": self.cast.references()}
        run.folder.save()
        return run

    async def _drive(self, run: Run, state: dict[str, Any] | None, *, answer: str | None = None) -> Result:
        self.control.stopping = self.control.pausing = False
        self.control.release()
        used = run.spent() if run.attempt > 1 and not run.replaying else None
        limits = BudgetLimits.model_validate(run.info.budget)
        if run.replaying:
            # Time is not replayed, so only what is counted in calls and tokens can end a replay.
            limits = limits.model_copy(update={"seconds": None})
        budget = Budget(limits, used=used, scopes=run.step_scopes() if used else ())
        context = self.make_context(run, budget)
        self.last_run = run.folder.path
        self.cast.warn = lambda text: run.emit(Note(level="warning", text=text))
        run.listeners.extend(self.listeners)
        first = RunStarted(agent=self.kind, task=run.info.task, models=self.cast.references())
        run.emit(first if run.attempt == 1 or run.replaying else RunResumed(attempt=run.attempt))
        self._running = run
        try:
            return await Driver(self, context).go(state, answer)
        finally:
            self._running = None

    def _context_of(self, runtime: Runtime[Any]) -> Context:
        if isinstance(runtime.context, Context):
            return runtime.context
        # The graph runs inside somebody else's graph: it gets a run folder of its own, one a thread; without
        # threads (no checkpointer) one an invocation, which langgraph's control object stands for.
        from langgraph.config import get_config

        thread = get_config().get("configurable", {}).get("thread_id") or runtime.control
        if thread not in self._detached:
            info = RunInfo(id=new_id(), agent=self.kind, task="(as a node)", created=time.time())
            run = Run.start(info, under=self.settings.runs)
            self._detached[thread] = self.make_context(run, Budget(self.limits))
        return self._detached[thread]

    def _check_kind(self, run: Run) -> None:
        if run.info.agent != self.kind:
            raise UsageError(
                f"{run.folder.path} is a run of the {run.info.agent!r} agent, not of {self.kind!r}"
            )
