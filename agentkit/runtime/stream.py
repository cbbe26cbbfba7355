"""Streams the events of a run while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from ..contracts.event import EventBase
from ..contracts.result import Result

if TYPE_CHECKING:
    from .agent import GraphAgent


async def events_of(
    agent: GraphAgent, start: Callable[[], Awaitable[Result]]
) -> AsyncIterator[EventBase | Result]:
    """Yield every event of the run that ``start`` makes, then its result; closing the stream cancels the run."""
    queue: asyncio.Queue[EventBase] = asyncio.Queue()
    agent.listeners.append(queue.put_nowait)
    work = asyncio.ensure_future(start())
    try:
        while not work.done() or not queue.empty():
            waiting = asyncio.ensure_future(queue.get())
            await asyncio.wait({waiting, work}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                yield waiting.result()
            else:
                waiting.cancel()
        yield await work
    finally:
        agent.listeners.remove(queue.put_nowait)
        if not work.done():
            work.cancel()
            await asyncio.wait({work})
