"""The turns of one person: begun, followed, answered, stopped, gone on with. A turn is a run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from agentkit.contracts.result import Result
from agentkit.errors import AgentKitError, UsageError
from agentkit.runs.folder import RunFolder
from agentkit.runtime.agent import GraphAgent

from ....memory import conversations as memory
from .. import past
from .line import WAITING
from .live import LiveTurn, line_of
from .people import Person
from .schema import NewTurn, Turn
from .views import CUT_OFF, STOPPED, events_on_disk, info_of, said_so_far, turn_view

log = logging.getLogger(__name__)

# An action that is under way when the user says stop has so many seconds to end.
GRACE = 10.0
HEARTBEAT = 15.0
CORRECTED = "{task}\n\nCorrection: {text}"
MakeAgent = Callable[[Person], GraphAgent]


class Conflict(UsageError):  # noqa: N818 - what HTTP calls it
    """What was asked no longer fits the turn: it has been answered, stopped, or runs already."""


class Turns:
    """Runs turns in the background and keeps none of them longer than they run."""

    def __init__(self, person: Person, make: MakeAgent) -> None:
        self.person, self._make = person, make
        self.live: dict[str, LiveTurn] = {}

    # Looking.

    def view(self, key: str) -> Turn:
        """Return a turn. Raises ``UsageError`` when there is none of this key."""
        name, turn = self.person.conversations.turn(key)
        return turn_view(turn, name, running=key in self.live)

    def running(self) -> Counter[str]:
        """Return how many turns run now, by the name of their conversation. Safe to call in any thread."""
        names: Counter[str] = Counter()
        # A copy: turns begin and end on the event loop while a thread that lists conversations counts.
        for key in tuple(self.live):
            with contextlib.suppress(memory.NotKept):
                names[self.person.conversations.turn(key)[0]] += 1
        return names

    def folder(self, key: str) -> Path:
        """Return the run folder of a turn. Raises ``UsageError`` when the turn, or its run, is not there."""
        _, turn = self.person.conversations.turn(key)
        if info_of(Path(turn.run)) is None:
            raise memory.NotKept("the recording of this turn is gone")
        return Path(turn.run)

    async def follow(self, key: str, after: int) -> AsyncIterator[tuple[int | None, str, str]]:
        """Yield (number, name, data) of what happens: the events above ``after``, then the turn as it ended.

        ``queue`` says how many calls are ahead, ``beat`` that the line is open; only ``event`` has a number.
        """
        live = self.live.get(key)
        if live is None:
            _, turn = self.person.conversations.turn(key)
            for event in await asyncio.to_thread(lambda: list(events_on_disk(Path(turn.run), after))):
                number, line = line_of(event)
                yield number, "event", line
        else:
            async for item in _following(live, after):
                yield item
            if live.left:
                return
        yield None, "end", self.view(key).model_dump_json()

    # Doing.

    async def begin(self, name: str, new: NewTurn) -> Turn:
        """Begin a turn in a conversation; a turn of the same key that is there already is returned as it is."""
        text, person = new.text.strip(), self.person
        if not text:
            raise UsageError("the message is empty")
        images = [person.pictures.get(digest) for digest in new.pictures]
        key = new.key or memory.new_key()
        folder = person.runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{key}"
        asked = [past.question(text, images)]
        # Waiting for the disk must not hold up the others.
        key, fresh = await asyncio.to_thread(person.conversations.begin, name, str(folder), asked, key=key)
        if fresh:
            agent = self._make(person)
            arguments = {"images": images, "conversation": name, "url": new.url}
            self._run(key, folder, agent, [], lambda: agent.arun(text, out=folder, **arguments))
        return self.view(key)

    def answer(self, key: str, question: str, answer: str) -> Turn:
        """Answer the open question of a turn. Raises ``Conflict`` when it is not open (any more)."""
        turn = self.view(key)
        if turn.status != "waiting" or turn.question is None:
            raise Conflict(f"there is no open question: this turn is {turn.status}")
        if turn.question.id != question:
            raise Conflict("this question has been answered already; there is another one now")
        return self._resume(key, answer)

    def resume(self, key: str) -> Turn:
        """Go on with a turn that was stopped, cut off, failed or ran out of budget."""
        turn = self.view(key)
        if turn.status not in ("stopped", "interrupted", "failed", "budget"):
            raise Conflict(f"there is nothing to go on with: this turn is {turn.status}")
        return self._resume(key, None)

    async def stop(self, key: str) -> Turn:
        """Stop a turn: at once, but an action that is under way may end. What was said so far is kept."""
        live = self._running(key)
        live.stopped = True
        live.agent.stop()
        await live.change(lambda: live.ended.is_set() or not live.acting, GRACE)
        await self._cancel(live)
        return self.view(key)

    def pause(self, key: str) -> Turn:
        """Pause a turn after its current step; it then waits."""
        self._running(key).agent.pause()
        return self.view(key)

    async def steer(self, key: str, text: str, new_key: str | None = None) -> Turn:
        """Correct a turn: stop it, and begin it anew with the correction; its pictures come along."""
        turn = self.view(key)
        if key in self.live:
            await self.stop(key)
        elif turn.status == "waiting":
            self._abandon(key)
        name, _ = self.person.conversations.turn(key)
        task = CORRECTED.format(task=turn.text, text=text.strip())
        return await self.begin(name, NewTurn(text=task, pictures=turn.pictures, key=new_key))

    async def delete(self, name: str) -> None:
        """Stop the turns of a conversation, delete it, and remove the recordings that no other has, for good.

        Only recordings in the person's own folder of runs are removed.
        """
        kept = self.person.conversations
        turns = kept.turns(name, unfinished=True)
        for turn in turns:
            if turn.key in self.live:
                await self._cancel(self.live[turn.key])
        await asyncio.to_thread(kept.delete, name)
        left = [Path(turn.run) for turn in turns if not kept.holds(turn.run)]
        await asyncio.to_thread(_remove, [path for path in left if path.parent == self.person.runs])

    def let_go(self) -> None:
        """End the streams of what runs, before the server waits for its connections."""
        for live in self.live.values():
            live.let_go()

    async def aclose(self) -> None:
        """Cut off what runs, in a way that it can be gone on with."""
        for live in list(self.live.values()):
            await self._cancel(live)
            _note_end(self._folder_of(live.key), CUT_OFF)

    # Inside.

    def _running(self, key: str) -> LiveTurn:
        if key not in self.live:
            raise Conflict(f"this turn does not run: it is {self.view(key).status}")
        return self.live[key]

    def _folder_of(self, key: str) -> Path:
        return Path(self.person.conversations.turn(key)[1].run)

    def _resume(self, key: str, answer: str | None) -> Turn:
        kept = self.person.conversations
        name, turn = kept.turn(key)
        folder, agent = Path(turn.run), self._make(self.person)
        if info_of(folder) is not None:
            kept.reopen(key)
            earlier = list(events_on_disk(folder))
            self._run(key, folder, agent, earlier, lambda: agent.aresume(folder, answer))
        elif not turn.done:
            # It was cut off before its run began.
            images = [self.person.pictures.get(digest) for digest in past.pictures_in(turn.messages)]
            task = self.view(key).text
            self._run(
                key, folder, agent, [], lambda: agent.arun(task, out=folder, images=images, conversation=name)
            )
        else:
            raise memory.NotKept("the recording of this turn is gone")
        return self.view(key)

    def _run(
        self,
        key: str,
        folder: Path,
        agent: GraphAgent,
        earlier: list[dict[str, Any]],
        start: Callable[[], Awaitable[Result]],
    ) -> None:
        live = LiveTurn(key, agent, earlier)
        agent.listeners.append(live.take)
        self.live[key] = live
        live.task = asyncio.create_task(self._work(live, folder, start), name=f"turn {key}")
        # Not a ``finally``: a task that is cancelled before its first step runs none.
        live.task.add_done_callback(lambda _: self._finish(live, folder))

    async def _work(self, live: LiveTurn, folder: Path, start: Callable[[], Awaitable[Result]]) -> None:
        live.begun.set()
        WAITING.set(live.wait_behind)
        try:
            result = await start()
            self.person.used = self.person.used + result.usage
        except asyncio.CancelledError:
            # Whoever cancelled it waits for ``ended``; the run's folder says that it was interrupted.
            log.debug("turn %s was cancelled", live.key)
        except AgentKitError as error:
            _note_end(folder, str(error))
        except Exception as error:
            # A defect, which must not take the server down: it is logged whole and shown as what it is.
            log.exception("turn %s", live.key)
            _note_end(
                folder, f"{type(error).__name__}: {error} (a defect of agentkit; the server's log has more)"
            )

    def _finish(self, live: LiveTurn, folder: Path) -> None:
        try:
            if live.stopped and not _has_ended(folder):
                # It was stopped so early that the run could not say so itself.
                _note_end(folder, STOPPED[1])
            self._keep(live, folder)
        finally:
            del self.live[live.key]
            live.end()

    async def _cancel(self, live: LiveTurn) -> None:
        # The first step of a run writes its folder: what is cut off before that could not say how it ended.
        await live.begun.wait()
        if live.task is not None:
            live.task.cancel()
        await live.ended.wait()

    def _keep(self, live: LiveTurn, folder: Path) -> None:
        """Store a turn that ended without an answer: the user did say it. One that waits stays open."""
        try:
            name, turn = self.person.conversations.turn(live.key)
        except memory.NotKept:
            # It was deleted meanwhile.
            return
        info = info_of(folder)
        result = info.result if info is not None else None
        if turn.done or result is None or result.status == "needs_input":
            return
        said = said_so_far(folder) if result.error in STOPPED else ""
        text = f"{said}\n(stopped)".strip() if result.error in STOPPED else f"(This failed: {result.error})"
        self._store(name, turn, text)

    def _abandon(self, key: str) -> None:
        name, turn = self.person.conversations.turn(key)
        _note_end(Path(turn.run), STOPPED[1])
        self._store(name, turn, "(stopped)")

    def _store(self, name: str, turn: memory.Turn, text: str) -> None:
        pictures = [self.person.pictures.get(digest) for digest in past.pictures_in(turn.messages)]
        question = past.question(turn.messages[0]["parts"][0]["text"], pictures)
        self.person.conversations.add(name, turn.run, [question, past.reply(text, trusted=False)])


async def _following(live: LiveTurn, after: int) -> AsyncIterator[tuple[int | None, str, str]]:
    place, ahead = 0, 0
    while place < len(live.lines) and live.lines[place][0] <= after:
        place += 1
    while True:
        while place < len(live.lines):
            number, line = live.lines[place]
            place += 1
            yield number, "event", line
        if live.ahead != ahead:
            ahead = live.ahead
            yield None, "queue", json.dumps({"ahead": ahead})
        if live.left or (live.ended.is_set() and place == len(live.lines)):
            return

        def news(place: int = place, ahead: int = ahead) -> bool:
            return len(live.lines) > place or live.ahead != ahead or live.ended.is_set() or live.left

        if not await live.change(news, HEARTBEAT):
            yield None, "beat", "{}"


def _has_ended(folder: Path) -> bool:
    info = info_of(folder)
    return info is not None and info.result is not None and info.result.status != "needs_input"


def _note_end(folder: Path, error: str) -> None:
    """Write into a run how it ended, where the run itself could not."""
    if info_of(folder) is None:
        return
    run = RunFolder.open(folder)
    result = run.info.result or Result(status="failed", run=str(folder))
    run.info.result = result.model_copy(update={"status": "failed", "error": error, "question": None})
    run.save()


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)
