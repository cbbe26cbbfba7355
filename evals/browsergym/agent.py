"""``BrowserGymAgent``: BrowserGym asks for one action at a time; the web agent's own graph runs behind that."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentkit.content import Image
from agentkit.contracts.result import Result
from agentkit.errors import ModelError, ToolError, UsageError
from agentkit.runtime.agent import Outcome
from agentkit.runtime.budget import Budget
from agentkit.runtime.run import Run

from ...agents.web import WebAgent
from ...agents.web.context import WebContext
from ...tools.browser import Action, Effect, SessionConfig, Snapshot
from .action import SUBSETS, action_string, infeasible, say
from .observation import Bids, goal_of, last_words, picture_of, snapshot_of

NOTHING = "noop()"
KEPT = (
    "axtree_object extra_element_properties chat_messages goal goal_object url open_pages_urls open_pages_titles "
    "active_page_index screenshot focused_element_bid last_action last_action_error"
)
Observation = Mapping[str, Any]


@dataclass
class Window:
    """What passes between BrowserGym and the web agent: observations in, actions out, one at a time.

    The two live in different threads: BrowserGym's is its caller's, the agent has a loop of its own.
    """

    current: Observation = field(default_factory=dict)
    bids: Bids = field(default_factory=Bids)
    actions: queue.Queue[tuple[str, str] | Exception] = field(default_factory=queue.Queue)
    _loop: asyncio.AbstractEventLoop | None = None
    _next: asyncio.Future[None] | None = None

    async def send(self, action: str, kind: str = "act") -> Observation:
        """Hand out an action and wait for the observation that follows it."""
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.create_future()
        self.actions.put((action, kind))
        await self._next
        return self.current

    def observed(self, observation: Observation) -> None:
        """Take an observation, from BrowserGym's thread."""
        self.current = observation
        waiting, self._next = self._next, None
        if waiting is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(_wake, waiting)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


@dataclass
class GymContext(WebContext):
    """A web run whose page belongs to BrowserGym. It can be replayed, but not resumed in another process."""

    window: Window = field(default_factory=Window)

    async def look(self) -> tuple[Snapshot, Image]:
        return snapshot_of(self.window.current, self.window.bids), picture_of(self.window.current)

    async def do(self, action: Action) -> Effect:
        before = snapshot_of(self.window.current, self.window.bids)
        after = await self.window.send(action_string(action, self.window.bids))
        if after.get("last_action_error"):
            raise ToolError(str(after["last_action_error"])[:300])
        page = snapshot_of(after, self.window.bids)
        moved = page.url != before.url
        changed = moved or page.text() != before.text()
        text = "the page changed" if changed else "nothing changed"
        return Effect(before.url, page.url, changed, navigated=moved, text=text)


class GymWebAgent(WebAgent):
    """A web agent that acts through a ``Window``. Nothing on a benchmark's page is real unless told otherwise."""

    def __init__(self, window: Window, *, sandbox: bool = True, **more: Any) -> None:
        super().__init__(**more)
        self.window, self.sandbox = window, sandbox
        # Why the agent itself gave up; a run that ended otherwise was broken off.
        self.gave_up: str | None = None

    def outcome(self, state: dict[str, Any]) -> Outcome:
        found = super().outcome(state)
        self.gave_up = found.failure
        return found

    def keep(self, run: Run, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"url": None, "allow": [], "sandbox": self.sandbox, "family": "", "episode": False}

    def make_context(self, run: Run, budget: Budget) -> WebContext:
        config = SessionConfig(sandbox=self.sandbox)
        return GymContext(run, budget, self.cast, self.control, config=config, window=self.window)


class BrowserGymAgent:
    """Plays BrowserGym tasks: ``obs_preprocessor(obs)``, ``get_action(obs) -> (action, info)``, ``action_set``.

    ``options`` are those of ``WebAgent`` (model, memory, policy, ...). A question of the agent is sent as a message
    to the user, and the user's next message is its answer; the agent's answer is sent as a message, and what it
    can't do is reported as infeasible. One agent plays one episode; ``close`` ends it early. ``result`` is the run's
    result once it has ended. ``sandbox`` (the default) declares that nothing on the pages is real, so that no
    action needs approval.

    ``action_set``: the environment's own (a ``HighLevelActionSet`` with the subsets of ``SUBSETS``); made from
    BrowserGym when that is installed and none is given.
    """

    def __init__(self, *, action_set: Any = None, sandbox: bool = True, **options: Any) -> None:
        self._action_set = action_set
        self._window = Window()
        self._agent = GymWebAgent(self._window, sandbox=sandbox, **options)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.result: Result | None = None

    @property
    def action_set(self) -> Any:
        """The set of actions that this agent writes, for the environment's ``action_mapping``."""
        if self._action_set is None:
            try:
                from browsergym.core.action.highlevel import (  # type: ignore[import-not-found]
                    HighLevelActionSet,
                )
            except ImportError as error:
                raise UsageError(
                    "browsergym is not installed, and no action set was given",
                    mend="BrowserGymAgent(action_set=...), or pip install browsergym-core",
                ) from error
            self._action_set = HighLevelActionSet(subsets=list(SUBSETS), multiaction=False)
        return self._action_set

    def obs_preprocessor(self, obs: Observation) -> dict[str, Any]:
        """Return what of an observation the agent reads, so that no more of it is recorded."""
        return {name: obs[name] for name in KEPT.split() if name in obs}

    def get_action(self, obs: Observation) -> tuple[str, dict[str, Any]]:
        """Return the next action for an observation, and an info dictionary with ``extra_info`` for the record.

        After the end of the run it is ``noop()``. Raises ``ModelError`` when a model failed, ``UsageError`` for an
        observation without a goal.
        """
        if self._thread is None:
            self._window.observed(obs)
            self._start(goal_of(obs))
        elif self.result is not None:
            return NOTHING, self._info("ended")
        else:
            self._window.observed(obs)
        found = self._window.actions.get()
        if isinstance(found, Exception):
            raise found
        return found[0], self._info(found[1])

    def close(self) -> None:
        """End the run, if it has not ended, and wait for its thread."""
        if self._loop is not None and self._task is not None and self._thread is not None:
            if self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()

    def _info(self, kind: str) -> dict[str, Any]:
        run = self.result.run if self.result else self._agent.last_run
        return {"extra_info": {"kind": kind, "run": str(run) if run else None}}

    def _start(self, goal: str) -> None:
        if not goal.strip():
            raise UsageError("the observation names no goal")
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live(goal, ready)), daemon=True)
        self._thread.start()
        ready.wait()

    async def _live(self, goal: str, ready: threading.Event) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.create_task(self._play(goal))
        ready.set()
        try:
            await self._task
        except asyncio.CancelledError:
            # Closed: nobody waits for an action any more.
            return
        except Exception as error:
            # It is raised where somebody waits for an action.
            self._window.actions.put(error)
        finally:
            await self._agent.aclose()

    async def _play(self, goal: str) -> None:
        result = await self._agent.arun(goal)
        while result.status == "needs_input" and result.question is not None:
            result = await self._agent.aresume(result, await self._ask(result.question.text))
        self.result = result
        if result.status == "failed" and result.error != self._agent.gave_up:
            # A server that is down says nothing about the task: it is not reported as infeasible.
            raise ModelError(result.error or "the run failed")
        said = result.answer or result.error or result.status
        self._window.actions.put((say(said) if result.status == "done" else infeasible(said), "end"))

    async def _ask(self, question: str) -> str:
        """Ask the user over the chat and wait for a new message, doing nothing meanwhile."""
        heard, _ = last_words(self._window.current)
        observation = await self._window.send(say(question), "ask")
        while last_words(observation)[0] <= heard:
            observation = await self._window.send(NOTHING, "wait")
        return last_words(observation)[1]
