"""Drives a graph to its result: questions, budgets, stops, failures, checkpoints."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Interrupt

from ..contracts.event import Answered, Asked, BudgetSpent, RunEnded
from ..contracts.result import Question, Result, Status
from ..errors import ModelError, ToolError, UsageError
from ..runs.folder import CHECKPOINT
from ..version import VERSION
from .budget import BudgetError
from .context import Context, Halted

if TYPE_CHECKING:
    from .agent import GraphAgent

# langgraph's own guard against endless loops; budgets are agentkit's, so this one only must not be in the way.
RECURSION_LIMIT = 10_000
PAUSE = "pause"


class Driver:
    """One attempt of a run: from a first state (or the last checkpoint) to a ``Result``."""

    def __init__(self, agent: GraphAgent, context: Context) -> None:
        self.agent, self.context, self.run = agent, context, context.run
        self.config: Any = {
            "configurable": {"thread_id": self.run.info.id},
            "recursion_limit": RECURSION_LIMIT,
        }

    async def go(self, state: dict[str, Any] | None, answer: str | None) -> Result:
        """Run until there is a result. Raises ``UsageError`` and ``RunError``; all else is in the result."""
        async with self._checkpointer() as saver, self.context.stack:
            graph = self.agent.build().compile(
                checkpointer=saver, store=self.agent.store, name=self.agent.kind
            )
            try:
                return await self._until_done(graph, state, answer)
            except (asyncio.CancelledError, KeyboardInterrupt):
                await self._end(graph, "failed", error="interrupted")
                raise
            except Halted:
                return await self._halted(graph)
            except (BudgetError, ExceptionGroup) as error:
                return await self._end_by(graph, error)
            except (ModelError, ToolError) as error:
                return await self._end(graph, "failed", error=str(error))
            except UsageError as error:
                await self._end(graph, "failed", error=str(error))
                raise

    async def _until_done(
        self, graph: CompiledStateGraph, state: dict[str, Any] | None, answer: str | None
    ) -> Result:
        command: Any = state
        if state is None and (await graph.aget_state(self.config)).created_at is None:
            # Cut off before the first checkpoint: nothing of it has run.
            command = self.agent.begin(self.run.info.task, self.run.info.arguments)
        elif state is None:
            pending = await self._pending(graph)
            if pending:
                paused = await self._answer(pending, answer)
                if isinstance(paused, Question):
                    return await self._end(graph, "needs_input", question=paused)
                command = paused
        while True:
            if await self._advance(graph, command):
                return await self._halted(graph)
            pending = await self._pending(graph)
            if not pending:
                outcome = self.agent.outcome((await graph.aget_state(self.config)).values)
                return await self._end(graph, "failed" if outcome.failure else "done", error=outcome.failure)
            paused = await self._answer(pending, None)
            if isinstance(paused, Question):
                return await self._end(graph, "needs_input", question=paused)
            command = paused

    async def _advance(self, graph: CompiledStateGraph, command: Any) -> bool:
        """Run to the next interrupt or the end; returns whether somebody asked to stop or pause."""
        control = self.agent.control
        # durability="sync": the checkpoint of a step is on disk before the next step begins (kill -9).
        # The graph declares no context type: agents hand over their own kinds of context.
        context: Any = self.context
        updates = graph.astream(
            command, self.config, context=context, stream_mode="updates", durability="sync"
        )
        try:
            async with asyncio.timeout(self._seconds_left()), aclosing(updates) as steps:  # type: ignore[type-var]
                async for update in steps:
                    await self._call_hooks(update)
                    if control.stopping or control.pausing:
                        return True
        except TimeoutError:
            self.context.budget.check()
            raise
        return False

    async def _answer(self, pending: list[Interrupt], given: str | None) -> Command | Question:
        """Return the command that carries the answers, or the first question that nobody could answer."""
        answers: dict[str, str] = {}
        for item in pending:
            question = Question.model_validate(item.value)
            self.run.emit(Asked(question=question))
            found = await self._find_answer(question, given)
            if found is None:
                return question
            text, by = found
            if not self.run.replaying:
                self.run.journal.answer(question.id, text, by)
            self.run.emit(Answered(id=question.id, answer=text, by=by))
            answers[item.id], given = text, None
        return Command(resume=answers)

    async def _find_answer(self, question: Question, given: str | None) -> tuple[str, str] | None:
        if self.run.replaying:
            line = self.run.recording.answer(question.id)
            return None if line is None else (line["outcome"], line["by"])
        if given is not None:
            return given, "caller"
        for answerer in self.agent.answers:
            text = await answerer.answer(question)
            if text is not None:
                return text, answerer.name
        return None

    async def _halted(self, graph: CompiledStateGraph) -> Result:
        if self.agent.control.stopping:
            return await self._end(graph, "failed", error="stopped")
        question = Question(id=PAUSE, text="The run is paused. Go on?", choices=["yes"])
        return await self._end(graph, "needs_input", question=question)

    async def _end_by(self, graph: CompiledStateGraph, error: BudgetError | ExceptionGroup) -> Result:
        if isinstance(error, ExceptionGroup):
            spent, rest = error.split(BudgetError)
            if spent is None or rest is not None:
                raise error
            found = spent.exceptions[0]
            assert isinstance(found, BudgetError)
            error = found
        self.run.emit(BudgetSpent(limit=error.limit, allowed=error.allowed, used=error.used))
        return await self._end(graph, "budget", error=str(error))

    async def _end(
        self,
        graph: CompiledStateGraph,
        status: Status,
        *,
        question: Question | None = None,
        error: str | None = None,
    ) -> Result:
        state = (await graph.aget_state(self.config)).values
        outcome = self.agent.outcome(state) if state else None
        usage = self.context.budget.usage()
        result = Result(
            status=status,
            answer=outcome.answer if outcome else None,
            question=question,
            evidence=outcome.evidence if outcome else [],
            output=outcome.output if outcome else None,
            steps=self.context.budget.steps,
            usage=usage,
            run=str(self.run.folder.path),
            error=error,
        )
        self.run.emit(RunEnded(status=status, answer=result.answer, error=error, usage=usage))
        if not self.run.replaying:
            self.run.info.result, self.run.info.version = result, VERSION
            self.run.folder.save()
        return result

    async def _pending(self, graph: CompiledStateGraph) -> list[Interrupt]:
        return list((await graph.aget_state(self.config)).interrupts)

    async def _call_hooks(self, update: Any) -> None:
        for node, change in update.items():
            for hook in self.agent.hooks:
                waiting = hook(node, change)
                if inspect.isawaitable(waiting):
                    await waiting

    def _seconds_left(self) -> float | None:
        limit = self.context.budget.limits.seconds
        return None if limit is None else max(limit - self.context.budget.seconds, 0.0)

    @asynccontextmanager
    async def _checkpointer(self) -> AsyncIterator[BaseCheckpointSaver]:
        if self.run.replaying:
            from langgraph.checkpoint.memory import InMemorySaver

            yield InMemorySaver()
        elif self.agent.checkpointer is not None:
            yield self.agent.checkpointer
        else:
            from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

            async with AsyncSqliteSaver.from_conn_string(str(self.run.folder.path / CHECKPOINT)) as saver:
                # A kill loses nothing of what was written, whether or not the disk was waited for.
                await saver.conn.execute("PRAGMA synchronous = NORMAL")
                yield saver
