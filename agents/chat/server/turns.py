"""The turns of one person: begun, followed, answered, stopped, gone on with. A turn is a run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentkit.content import Message, load
from agentkit.contracts.result import Result
from agentkit.errors import AgentKitError, UsageError
from agentkit.runtime.agent import GraphAgent

from ....memory import conversations as memory
from .. import past
from .choices import Again, Choices
from .endings import grant, has_ended, note_end, remove
from .line import WAITING
from .live import LiveTurn, line_of
from .people import Person
from .schema import NewAnswer, NewTurn, Turn
from .screen import Frame, Hands, use
from .views import CUT_OFF, STOPPED, events_on_disk, info_of, said_so_far, turn_view

log = logging.getLogger(__name__)

# An action that is under way when the user says stop has so many seconds to end.
GRACE = 10.0
HEARTBEAT = 15.0
CORRECTED = "{task}\n\nCorrection: {text}"
MakeAgent = Callable[[Person, Choices], GraphAgent]


class Conflict(UsageError):  # noqa: N818 - what HTTP calls it
    """What was asked no longer fits the turn: it has been answered, stopped, or runs already."""


class Turns:
    """Runs turns in the background and keeps none of them longer than they run."""

    def __init__(self, person: Person, make: MakeAgent) -> None:
        self.person, self._make = person, make
        self.live: dict[str, LiveTurn] = {}
        self._late: set[asyncio.Task[Turn]] = set()

    # Looking.

    def view(self, key: str) -> Turn:
        """Return a turn. Raises ``UsageError`` when there is none of this key."""
        name, turn = self.find(key)
        return self.shown(turn, name)

    def shown(self, turn: memory.Turn, name: str) -> Turn:
        """Return a stored turn of a conversation as it is shown now."""
        live, again = self.live.get(turn.key), self.person.choices.find(turn.key)
        more = {
            "of": again[1].of if again else None,
            "others": [self.view(item.key) for item in self.person.choices.again(turn.key)],
            "taken": live is not None and live.taken,
        }
        return turn_view(turn, name, running=live is not None).model_copy(update=more)

    def find(self, key: str) -> tuple[str, memory.Turn]:
        """Return the conversation's name and the turn of a key, which may be another answer to a turn.

        Raises ``UsageError`` when there is none.
        """
        again = self.person.choices.find(key)
        if again is None:
            return self.person.conversations.turn(key)
        item = again[1]
        name, turn = self.person.conversations.turn(item.of)
        # Of the turn, its words alone: what was answered is in the other run.
        return name, replace(
            turn, key=key, run=item.run, time=item.time, messages=turn.messages[:1], done=False
        )

    def running(self) -> Counter[str]:
        """Return how many turns run now, by the name of their conversation. Safe to call in any thread."""
        names: Counter[str] = Counter()
        # A copy: turns begin and end on the event loop while a thread that lists conversations counts.
        for key in tuple(self.live):
            with contextlib.suppress(memory.NotKept):
                names[self.find(key)[0]] += 1
        return names

    def folder(self, key: str) -> Path:
        """Return the run folder of a turn. Raises ``UsageError`` when the turn, or its run, is not there."""
        _, turn = self.find(key)
        if info_of(Path(turn.run)) is None:
            raise memory.NotKept("the recording of this turn is gone")
        return Path(turn.run)

    async def follow(self, key: str, after: int) -> AsyncIterator[tuple[int | None, str, str]]:
        """Yield (number, name, data) of what happens: the events above ``after``, then the turn as it ended.

        ``queue`` says how many calls are ahead, ``beat`` that the line is open; only ``event`` has a number.
        """
        live = self.live.get(key)
        if live is None:
            _, turn = self.find(key)
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

    async def begin(self, name: str, new: NewTurn, choices: Choices | None = None) -> Turn:
        """Begin a turn in a conversation; a turn of the same key that is there already is returned as it is."""
        text, person = new.text.strip(), self.person
        if not text:
            raise UsageError("the message is empty")
        images = [person.pictures.get(digest) for digest in new.pictures]
        key = new.key or memory.new_key()
        folder = self._new_folder(key)
        asked = [past.question(text, images)]
        # Waiting for the disk must not hold up the others.
        key, fresh = await asyncio.to_thread(person.conversations.begin, name, str(folder), asked, key=key)
        if fresh:
            agent = self._make(person, choices or self._choices(key))
            arguments = {"images": images, "conversation": name, "url": new.url}
            self._run(key, folder, agent, [], lambda: agent.arun(text, out=folder, **arguments))
        return self.view(key)

    async def again(self, key: str, new: NewAnswer) -> Turn:
        """Answer a turn once more, beside what was answered; the conversation remembers the first answer."""
        person = self.person
        if (known := person.choices.find(key)) is not None:
            key = known[1].of
        name, turn = person.conversations.turn(key)
        if new.key is not None and person.choices.find(new.key) is not None:
            return self.view(new.key)
        text = self.view(key).text
        images = [person.pictures.get(digest) for digest in past.pictures_in(turn.messages)]
        made = new.key or memory.new_key()
        folder = self._new_folder(made)
        choices = new.choices.over(self._choices(key))
        info = info_of(Path(turn.run))
        url = info.arguments.get("url") if info is not None else None
        before = await asyncio.to_thread(self._before, name, key)
        item = Again(key=made, of=key, run=str(folder), time=time.time(), choices=choices)
        person.choices.add(self._conversation(name), item)
        agent = self._make(person, choices)
        arguments = {"images": images, "past": before, "url": url}
        self._run(made, folder, agent, [], lambda: agent.arun(text, out=folder, **arguments))
        return self.view(made)

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
        """Stop a turn: at once, but an action that is under way may end. What was said so far is kept.

        One that waits for an answer is given up: its question is not open any more.
        """
        if key not in self.live and self.view(key).status == "waiting":
            self._abandon(key)
            return self.view(key)
        live = self._running(key)
        live.stopped = True
        live.agent.stop()
        await live.change(lambda: live.ended.is_set() or not live.acting, GRACE)
        await self._cancel(live)
        return self.view(key)

    def pause(self, key: str) -> Turn:
        """Pause a turn after its current step; it then waits."""
        live = self._running(key)
        if live.taken:
            raise Conflict("the page is in your hands: give it back first")
        live.agent.pause()
        return self.view(key)

    async def take(self, key: str) -> Turn:
        """Give the page of a web task to the user: what is being done ends, and the agent waits."""
        live = self._running(key)
        if live.agent.control.surface is None:
            raise Conflict("there is no page to take: this turn does nothing on the web now")
        await live.take_page(GRACE)
        return self.view(key)

    def give_back(self, key: str) -> Turn:
        """Give the page back to the agent, which looks at it anew."""
        self._taken(key).give_page()
        return self.view(key)

    async def use(self, key: str, hands: Hands) -> None:
        """Do on the page what the user did with mouse and keyboard; nothing of it is kept."""
        await use(self._taken(key).agent.control.surface, hands)

    async def watch(self, key: str) -> AsyncGenerator[Frame]:
        """Yield pictures of the page that a turn works on, until the turn ends."""
        if key in self.live:
            async with aclosing(self.live[key].watch()) as seen:
                async for frame in seen:
                    yield frame

    async def steer(self, key: str, text: str, new_key: str | None = None) -> Turn:
        """Correct a turn. An agent that hears corrections does so before its next decision, and goes on.

        Any other is stopped, and a turn is begun anew with the correction and the pictures.
        """
        turn = self.view(key)
        live = self.live.get(key)
        if live is not None and live.agent.hears:
            live.agent.steer(text.strip(), "chat")
            live.told.append(text.strip())
            return turn
        if live is not None:
            await self.stop(key)
        elif turn.status == "waiting":
            self._abandon(key)
        return await self._begin_corrected(key, text.strip(), new_key)

    async def delete(self, name: str) -> None:
        """Stop the turns of a conversation, delete it, and remove the recordings that no other has, for good.

        Only recordings in the person's own folder of runs are removed.
        """
        kept = self.person.conversations
        turns = kept.turns(name, unfinished=True)
        others = [item for turn in turns for item in self.person.choices.again(turn.key)]
        for key in [*(turn.key for turn in turns), *(item.key for item in others)]:
            if key in self.live:
                await self._cancel(self.live[key])
        self.person.choices.remove(self._conversation(name))
        await asyncio.to_thread(kept.delete, name)
        left = [Path(item.run) for item in [*turns, *others] if not kept.holds(item.run)]
        await asyncio.to_thread(remove, [path for path in left if path.parent == self.person.runs])

    def let_go(self) -> None:
        """End the streams of what runs, before the server waits for its connections."""
        for live in self.live.values():
            live.let_go()

    async def aclose(self) -> None:
        """Cut off what runs, in a way that it can be gone on with."""
        for live in list(self.live.values()):
            await self._cancel(live)
            note_end(self._folder_of(live.key), CUT_OFF)

    # Inside.

    def _running(self, key: str) -> LiveTurn:
        if key not in self.live:
            raise Conflict(f"this turn does not run: it is {self.view(key).status}")
        return self.live[key]

    def _new_folder(self, key: str) -> Path:
        return self.person.runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{key}"

    async def _begin_corrected(self, key: str, text: str, new_key: str | None) -> Turn:
        turn = self.view(key)
        task = CORRECTED.format(task=turn.text, text=text)
        return await self.begin(turn.conversation, NewTurn(text=task, pictures=turn.pictures, key=new_key))

    def _conversation(self, name: str) -> str:
        """Return the key of a conversation."""
        return self.person.conversations.key_of(name) or ""

    def _choices(self, key: str) -> Choices:
        """Return what a turn goes by: its conversation's choices, or for another answer its own."""
        again = self.person.choices.find(key)
        return (
            again[1].choices if again else self.person.choices.choices(self._conversation(self.find(key)[0]))
        )

    def _before(self, name: str, key: str) -> list[Message]:
        """Return what was said before a turn."""
        turns = self.person.conversations.turns(name, unfinished=True)
        place = next(i for i, turn in enumerate(turns) if turn.key == key)
        said = [message for turn in turns[:place] if turn.done for message in turn.messages]
        return load(said, {digest: self.person.pictures.get(digest) for digest in past.pictures_in(said)})

    def _taken(self, key: str) -> LiveTurn:
        live = self._running(key)
        if not live.taken or live.agent.control.surface is None:
            raise Conflict("the page is not in your hands")
        return live

    def _folder_of(self, key: str) -> Path:
        return Path(self.find(key)[1].run)

    def _resume(self, key: str, answer: str | None) -> Turn:
        kept = self.person.conversations
        name, turn = self.find(key)
        folder, agent = Path(turn.run), self._make(self.person, self._choices(key))
        if (info := info_of(folder)) is not None:
            kept.reopen(key)
            if info.result is not None and info.result.status == "budget":
                grant(folder)
            earlier = list(events_on_disk(folder))
            self._run(key, folder, agent, earlier, lambda: agent.aresume(folder, answer))
        elif not turn.done and self.person.choices.find(key) is None:
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
            note_end(folder, str(error))
        except Exception as error:
            # A defect, which must not take the server down: it is logged whole and shown as what it is.
            log.exception("turn %s", live.key)
            note_end(
                folder, f"{type(error).__name__}: {error} (a defect of agentkit; the server's log has more)"
            )

    def _finish(self, live: LiveTurn, folder: Path) -> None:
        try:
            if live.stopped and not has_ended(folder):
                # It was stopped so early that the run could not say so itself.
                note_end(folder, STOPPED[1])
            self._keep(live, folder)
        finally:
            del self.live[live.key]
            live.end()
        if live.told and not live.cut and has_ended(folder):
            # It had decided everything when it was told: what was said is not lost.
            late = asyncio.create_task(self._begin_corrected(live.key, " ".join(live.told), None))
            self._late.add(late)
            late.add_done_callback(self._late.discard)

    async def _cancel(self, live: LiveTurn) -> None:
        # The first step of a run writes its folder: what is cut off before that could not say how it ended.
        await live.begun.wait()
        live.cut = True
        if live.task is not None:
            live.task.cancel()
        await live.ended.wait()

    def _keep(self, live: LiveTurn, folder: Path) -> None:
        """Store a turn that ended without an answer: the user did say it. One that waits stays open."""
        try:
            name, turn = self.person.conversations.turn(live.key)
        except memory.NotKept:
            # It was deleted meanwhile, or is another answer to a turn.
            return
        info = info_of(folder)
        result = info.result if info is not None else None
        if turn.done or result is None or result.status == "needs_input":
            return
        said = said_so_far(folder) if result.error in STOPPED else ""
        text = f"{said}\n(stopped)".strip() if result.error in STOPPED else f"(This failed: {result.error})"
        self._store(name, turn, text)

    def _abandon(self, key: str) -> None:
        name, turn = self.find(key)
        note_end(Path(turn.run), STOPPED[1])
        if self.person.choices.find(key) is None:
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
