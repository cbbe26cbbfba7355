"""Ctrl-C during a run of an agent that can be corrected: hold it and ask, or pause it; a second one leaves at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .terminal import complain, note, prompt, read_line, reading

if TYPE_CHECKING:
    from ..runtime.agent import GraphAgent

ASK = "held. Type what should be different; an empty line goes on, 'stop' stops. Ctrl-C again leaves at once."
PAUSING = "pausing after this step. Ctrl-C again leaves at once."
STOP = frozenset({"stop", "s", "quit", "q"})


class Interrupts:
    """What Ctrl-C does to the run of one agent. ``asks``: somebody sits at the terminal."""

    def __init__(self, agent: GraphAgent, work: asyncio.Task[Any], *, asks: bool) -> None:
        self._agent, self._work, self._asks = agent, work, asks
        self._asking: asyncio.Task[None] | None = None
        self._paused = False
        # Whether the user wants to leave at once.
        self.leaving = False

    def on_signal(self) -> None:
        """Hold, pause, or leave."""
        if self._paused or self._asking is not None or reading():
            self.leaving = True
            self._work.cancel()
        elif self._asks:
            self._agent.control.hold()
            self._asking = asyncio.ensure_future(self._ask())
        else:
            self._paused = True
            note(PAUSING, "yellow")
            self._agent.pause()

    async def close(self) -> None:
        """Stop asking: the run is over."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _ask(self) -> None:
        try:
            note(ASK, "yellow")
            while not self._take((await self._line()).strip()):
                continue
        finally:
            self._asking = None
            self._agent.control.release()

    async def _line(self) -> str:
        prompt()
        return await read_line()

    def _take(self, said: str) -> bool:
        """Do what was typed; say whether it could be done."""
        if said.lower() in STOP:
            self._agent.stop()
        elif said:
            try:
                self._agent.steer(said, by="terminal")
            except UsageError as error:
                complain(str(error))
                return False
        else:
            note("going on", "dim")
        return True


@contextmanager
def taking_part(agent: Any, *, asks: bool, pauses: bool) -> Iterator[Interrupts | None]:
    """Let Ctrl-C take part in the run of this task; None where it simply ends the program.

    It asks, or pauses; neither, where nobody can be asked and nothing was said about it.
    """
    task = asyncio.current_task()
    # Signals come to the main thread of a process, and only there can be handled.
    here = threading.current_thread() is threading.main_thread()
    if task is None or not here or not (asks or pauses) or not getattr(agent, "steerable", False):
        yield None
        return
    loop, found = asyncio.get_running_loop(), Interrupts(agent, task, asks=asks)
    try:
        loop.add_signal_handler(signal.SIGINT, found.on_signal)
    except NotImplementedError:
        # Windows: Ctrl-C ends the program, and the run can be resumed.
        yield None
        return
    try:
        yield found
    finally:
        loop.remove_signal_handler(signal.SIGINT)
