"""What an agent's nodes depend on, handed to them as langgraph's typed runtime context."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import ReplayError
from ..models.base import Model
from .budget import Budget
from .clock import Clock
from .recorded import RecordedModel, describe_model
from .run import Run


class ModelSource(Protocol):
    """Gives the model of a role (``see``, ``decide``); loads it on first use."""

    async def get(self, role: str) -> Model: ...


class Halted(Exception):  # noqa: N818 - control flow: the driver turns it into a result
    """Somebody asked to stop or to pause while an agent inside a node was at work."""


@dataclass
class Control:
    """Asks a running agent to stop or to pause; it does so between two steps.

    Held, it waits there: somebody thinks about what to say.
    """

    stopping: bool = False
    pausing: bool = False
    # What the agent works on while it is open (a browser session), for those who watch it or take it over.
    surface: Any = None
    # How often somebody took it over and gave it back: what was seen of it before is old.
    handed_back: int = 0
    _held: asyncio.Event | None = None

    def hold(self) -> None:
        """Let the agent wait before its next step, until ``release``."""
        self._held = self._held or asyncio.Event()

    def release(self) -> None:
        """Let a held agent go on."""
        if self._held is not None:
            self._held.set()
        self._held = None

    def give_back(self) -> None:
        """Let a held agent go on, on a surface that somebody else has changed meanwhile."""
        self.handed_back += 1
        self.release()

    async def released(self) -> None:
        """Wait while the run is held; raise ``Halted`` when it was then stopped or paused."""
        if self._held is not None:
            await self._held.wait()
            self.check()

    def check(self) -> None:
        """Raise ``Halted`` when a stop or a pause was asked for."""
        if self.stopping or self.pausing:
            raise Halted


@dataclass
class Context:
    """A run's dependencies. ``stack`` closes what nodes opened (a browser) when this process is done with it.

    ``inner`` holds the contexts of agents that run inside a node, by place, until they are done.
    """

    run: Run
    budget: Budget
    models: ModelSource
    control: Control = field(default_factory=Control)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    inner: dict[str, Context] = field(default_factory=dict)
    _wrapped: dict[str, RecordedModel] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        return Clock(self.run.journal)

    async def model(self, role: str) -> Model:
        """Return the model of a role, inside this run."""
        if role not in self._wrapped:
            self._wrapped[role] = await self._wrap(role)
        return self._wrapped[role]

    async def _wrap(self, role: str) -> RecordedModel:
        run = self.run
        if run.replaying:
            if role not in run.info.models:
                raise ReplayError(f"the recorded run used no model for {role!r}")
            return RecordedModel(run, role, self.budget, None, run.info.models[role])
        inner = await self.models.get(role)
        if run.attempt > 1:
            inner.resume_at(run.recording.calls_of(inner.reference))
        info = describe_model(inner)
        if run.info.models.get(role) != info:
            run.info.models[role] = info
            run.folder.save()
        return RecordedModel(run, role, self.budget, inner, info)
