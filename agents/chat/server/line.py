"""Calls of a model wait in line, and whoever waits knows how many are ahead."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar

from agentkit.models.base import Chunk, Heat, Model, Reading, Reply, Request, Scores
from agentkit.models.wrapper import WrapperModel

# Who is told how many calls are ahead of theirs (0: it is their turn); a turn sets it for itself.
WAITING: ContextVar[Callable[[int], None] | None] = ContextVar("agentkit_waiting", default=None)


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


def innermost(model: Model) -> Model:
    """Return the model inside all wrappers."""
    while isinstance(model, WrapperModel):
        model = model.inner
    return model
