"""One model in memory for everybody: calls wait in line, and whoever waits knows how many are ahead."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from agentkit.config import Settings
from agentkit.contracts.result import Usage
from agentkit.errors import AgentKitError
from agentkit.models.base import Chunk, Heat, Model, Reading, Reply, Request, Scores
from agentkit.models.local import LocalModel
from agentkit.models.roles import DECIDE, SEE
from agentkit.models.wrapper import WrapperModel
from agentkit.runtime.cast import Cast

from .schema import RoleState

log = logging.getLogger(__name__)
# Who is told how many calls are ahead of theirs (0: it is their turn); a turn sets it for itself.
WAITING: ContextVar[Callable[[int], None] | None] = ContextVar("agentkit_waiting", default=None)
_WARN: ContextVar[Callable[[str], None]] = ContextVar("agentkit_warn", default=log.warning)


class Line:
    """First come, first served, ``width`` at a time."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._inside = 0
        self._queue: deque[tuple[asyncio.Future[None], Callable[[int], None] | None]] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._queue)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for one's turn, and have it for the body."""
        if self._inside < self.width and not self._queue:
            self._inside += 1
        else:
            await self._wait()
        try:
            yield
        finally:
            self._leave()

    async def _wait(self) -> None:
        tell = WAITING.get()
        entry = (asyncio.get_running_loop().create_future(), tell)
        self._queue.append(entry)
        self._tell()
        try:
            await entry[0]
        except asyncio.CancelledError:
            if entry in self._queue:
                self._queue.remove(entry)
                self._tell()
            else:
                # It was called just before it was cancelled: the place goes to the next one.
                self._leave()
            raise
        if tell is not None:
            tell(0)

    def _leave(self) -> None:
        self._inside -= 1
        while self._queue and self._inside < self.width:
            future, _ = self._queue.popleft()
            if not future.done():
                self._inside += 1
                future.set_result(None)
        self._tell()

    def _tell(self) -> None:
        for ahead, (_, tell) in enumerate(self._queue, start=1):
            if tell is not None:
                tell(ahead)


class QueuedModel(WrapperModel):
    """A model whose calls stand in a line."""

    def __init__(self, inner: Model, line: Line) -> None:
        super().__init__(inner)
        self.line = line

    async def call(self, request: Request) -> Reply:
        async with self.line.place():
            return await self.inner.call(request)

    async def call_stream(self, request: Request) -> AsyncIterator[Chunk]:
        async with self.line.place():
            async for chunk in self.inner.call_stream(request):
                yield chunk

    async def call_score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        async with self.line.place():
            return await self.inner.call_score(requests, options)

    async def call_each(self, requests: Sequence[Request]) -> list[Reply]:
        async with self.line.place():
            return await self.inner.call_each(requests)

    async def _attend(self, reading: Reading) -> Heat:
        async with self.line.place():
            return await self.inner._attend(reading)


class SharedCast(Cast):
    """A cast for several runs at once: models are loaded once and stand behind lines.

    A local model computes one call at a time; one behind a network takes ``request.parallel`` of them.
    """

    def __init__(self, settings: Settings, **models: Any) -> None:
        super().__init__(settings, **models)
        self._lines: dict[int, QueuedModel] = {}
        self._states: dict[str, RoleState] = {}
        self.used = Usage()

    async def get(self, role: str) -> Model:
        if role not in self._states or self._states[role].state == "failed":
            self._states[role] = self._state(role, "loading")
        try:
            model = await super().get(role)
        except AgentKitError as error:
            self._states[role] = self._state(role, "failed", error=str(error))
            raise
        if id(model) not in self._lines:
            width = 1 if isinstance(innermost(model), LocalModel) else self.settings.request.parallel
            self._lines[id(model)] = QueuedModel(model, Line(width))
        queued = self._lines[id(model)]
        if self._states[role].state != "ready":
            able = [name for name, value in vars(model.capabilities).items() if value is True]
            self._states[role] = self._state(
                role,
                "ready",
                reference=model.reference,
                capabilities=able,
                context=model.capabilities.context,
            )
        return queued

    def states(self) -> list[RoleState]:
        """Return what is known of the models, by role."""
        found = [self._states.get(role) or self._state(role, "not loaded") for role in ("see", "decide")]
        lines = {queued.reference: len(queued.line) for queued in self._lines.values()}
        return [item.model_copy(update={"waiting": lines.get(item.reference, 0)}) for item in found]

    def _state(self, role: str, state: Any, *, reference: str | None = None, **more: Any) -> RoleState:
        default = {"see": SEE, "decide": DECIDE}[role].default
        chosen = self.references()
        named = reference or chosen.get(role) or chosen.get("model") or default
        return RoleState(role=role, reference=named, state=state, **more)

    # A run sets whom a fallback is told to. Here runs share a cast, so each has its own word for it.
    @property
    def warn(self) -> Callable[[str], None]:
        return _WARN.get()

    @warn.setter
    def warn(self, tell: Callable[[str], None]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        _WARN.set(tell)


def innermost(model: Model) -> Model:
    """Return the model inside all wrappers."""
    while isinstance(model, WrapperModel):
        model = model.inner
    return model
