"""A turn that runs: its events so far, and whoever follows them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from agentkit.contracts.event import Acted, Corrected, EventBase
from agentkit.runtime.agent import GraphAgent

from .screen import Frame, frames
from .views import slim

# A browser opens without an event; so often it is looked for.
LOOK = 0.5


class LiveTurn:
    """The events of one attempt and of those before it, in order, as lines of JSON.

    ``ahead`` is how many calls of others the turn's model has to answer first; ``stopped`` that the user said so,
    ``taken`` that the page is in the user's hands, ``cut`` that the attempt was cancelled. ``told`` are corrections that the agent has not heard yet.
    """

    def __init__(self, key: str, agent: GraphAgent, earlier: list[dict[str, Any]]) -> None:
        self.key, self.agent = key, agent
        self.lines: list[tuple[int, str]] = [line_of(event) for event in earlier]
        self.ahead = 0
        self.left = self.stopped = self.taken = self.cut = False
        self.told: list[str] = []
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._under_way: set[str] = set()

    def take(self, event: EventBase) -> None:
        """Take an event of the run."""
        if isinstance(event, Acted):
            change = self._under_way.add if event.state == "pending" else self._under_way.discard
            change(event.action)
        elif isinstance(event, Corrected) and event.text in self.told:
            self.told.remove(event.text)
        self.lines.append(line_of(event.model_dump(mode="json", exclude_none=True)))
        self._wake()

    def wait_behind(self, ahead: int) -> None:
        """Take how many calls are ahead in the line."""
        self.ahead = ahead
        self._wake()

    def end(self) -> None:
        """Tell the followers that this attempt is over."""
        self.begun.set()
        self.ended.set()
        self._wake()

    def let_go(self) -> None:
        """Tell the followers to leave, though this attempt is not over: the server stops."""
        self.left = True
        self._wake()

    @property
    def acting(self) -> bool:
        """Whether an action is under way that should not be cut in two."""
        return bool(self._under_way)

    async def take_page(self, patience: float) -> None:
        """Give the page to the user, once what is being done to it has ended."""
        self.taken = True
        self.agent.control.hold()
        await self.change(lambda: self.ended.is_set() or not self.acting, patience)

    def give_page(self) -> None:
        """Give the page back to the agent."""
        self.taken = False
        self.agent.control.give_back()

    async def watch(self) -> AsyncGenerator[Frame]:
        """Yield pictures of the page that the agent works on, until the attempt is over."""
        control = self.agent.control

        def goes_on() -> bool:
            return not (self.ended.is_set() or self.left)

        while goes_on():
            if (surface := control.surface) is None:
                await self.change(lambda: not goes_on() or control.surface is not None, LOOK)
                continue
            seen = frames(surface, lambda shown=surface: goes_on() and control.surface is shown)
            async with aclosing(seen) as pictures:
                async for frame in pictures:
                    yield frame

    async def change(self, seen: Callable[[], bool], patience: float) -> bool:
        """Wait until ``seen`` says that there is something new; returns False after ``patience`` seconds."""
        try:
            async with asyncio.timeout(patience):
                while not seen():
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        # Those who wait hold the old event; the next change sets the new one.
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def line_of(event: dict[str, Any]) -> tuple[int, str]:
    """Return the number of an event, and the event as a line of JSON."""
    return event["seq"], json.dumps(slim(event), ensure_ascii=False, separators=(",", ":"))
