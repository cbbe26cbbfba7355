"""The browser of a run: opened when it is first needed, and brought back to where it was after a crash."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agentkit.content import Image
from agentkit.contracts.event import Note
from agentkit.errors import ReplayError, ToolError
from agentkit.runtime.context import Context
from agentkit.runtime.journal import Entry

from ...tools.browser import (
    ACTIONS,
    Action,
    ActionSet,
    BrowserEvent,
    BrowserSession,
    Effect,
    SessionConfig,
    Snapshot,
    observe,
)
from ...tools.browser.actions import goto
from ...tools.browser.hide import hide_in_effect
from ...tools.browser.profile import write_private
from .undo import NAME as UNDO
from .undo import standing

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from .episode import Episode

STORAGE = "browser.json"


@dataclass
class WebContext(Context):
    """A run's dependencies with its browser session.

    ``url`` is where the task starts (None with an ``episode``). ``current`` says whether the page that this process
    holds is the page of the last observation: if not, elements are found by their descriptions, not by their ids.
    """

    url: str | None = None
    config: SessionConfig = field(default_factory=SessionConfig)
    browser: Browser | None = None
    episode: Episode | None = None
    actions: ActionSet = field(default_factory=lambda: ACTIONS)
    current: bool = False
    # How often the page had been handed back when it was last looked at.
    looked: int = 0
    _session: BrowserSession | None = None
    _branch: BrowserSession | None = None

    def start_at(self, url: str | None) -> None:
        """Take the start from the state of the graph, when the run's arguments did not name it."""
        if self.url is None and url is not None:
            self.url, self.config = url, replace(self.config, start=url)

    async def session(self) -> BrowserSession:
        """Return the open session; the first call of a process opens it and restores what the run had done."""
        if self.run.replaying:
            raise ReplayError("a replay has no browser")
        if self._session is None:
            session = BrowserSession(self.config, browser=self.browser, on_event=self._note)
            await self.stack.enter_async_context(session)
            self._session = self.control.surface = session
            self.stack.callback(self._put_away)
            await self.restore(session)
        return self._session

    async def branch(self) -> BrowserSession:
        """Return a session beside the run's, of its own context, that sends nothing; the first call opens it."""
        if self._branch is None:
            # One opened on a profile has no browser in which another context could open.
            browser = (await self.session()).context.browser
            own = {
                "profile": None,
                "cdp": None,
                "video": None,
                "headed": False,
                "downloads": None,
                "uploads": (),
            }
            config = replace(self.config, read_only=True, **own)
            self._branch = BrowserSession(config, browser=browser)
            await self.stack.enter_async_context(self._branch)
        return self._branch

    async def look(self) -> tuple[Snapshot, Image]:
        """Return the page and a picture of it.

        A tab that crashed or was closed is opened afresh once; what happens to that one is the run's failure.
        """
        session = await self.session()
        try:
            snapshot = await observe(session)
        except ToolError as error:
            self._warn(f"the page is lost: {error.message}")
            session = await self.reopen()
            snapshot = await observe(session)
        return snapshot, await session.screenshot()

    async def handed_back(self, when: str) -> bool:
        """Say whether the user worked on the page since it was last looked at; keeps what they logged in to.

        ``when`` tells apart the places in one node that ask.
        """
        if not self.run.corrections.handed_back(self.control.handed_back != self.looked, when):
            return False
        self.run.emit(Note(text="the page was in the user's hands: it is looked at anew"))
        if not self.run.replaying:
            await self.save_storage(await self.session())
        return True

    async def do(self, action: Action) -> Effect:
        """Do an action on the page of the last observation, and keep cookies and storage as they are after it."""
        session = await self.session()
        if action.name == UNDO:
            return await self._undo(session, int(str(action.value)))
        found = await (self.actions.perform if self.current else self.actions.replay)(session, action)
        await self.save_storage(session)
        return found

    async def _undo(self, session: BrowserSession, number: int) -> Effect:
        """Open the page as it was before the action of this number: all others since the anchor are repeated."""
        before = session.url
        await session.fresh_page()
        self.current = False
        await self.restore(session, without=number)
        done = Effect(before, session.url, changed=True, text=f"taken back; now at {session.url}")
        return hide_in_effect(session, done)

    async def downloads(self) -> list[str]:
        """Return what was downloaded, as paths in the run folder; what is under way is waited for a little."""
        session, folder = await self.session(), self.config.downloads
        await session.saved(self.config.settle_timeout)
        if folder is None or not folder.is_dir():
            return []
        return [f"{folder.name}/{path.name}" for path in sorted(folder.iterdir())]

    async def reopen(self) -> BrowserSession:
        """Leave a dead page: a fresh one, brought back to where the run was."""
        session = await self.session()
        await session.fresh_page()
        self.current = False
        await self.restore(session)
        return session

    async def restore(self, session: BrowserSession, *, without: int | None = None) -> None:
        """Open the start, or the last place that must not be reached twice, and repeat what was done since.

        Cookies and local storage come from the run folder. What can't be repeated is noted, and the agent goes on
        from what it then sees. An irreversible action is never repeated here, nor is one that was taken back
        (``without`` is the number of one that is being taken back).
        """
        anchor, entries = self.way_back(without)
        # A profile has kept them itself, and what it has now is newer.
        if (anchor or entries) and self.storage.is_file() and self.config.profile is None:
            await session.context.set_storage_state(self.storage)
        await self.start(session, anchor)
        for entry in entries:
            if not await self._repeat(session, entry):
                break

    def way_back(self, without: int | None = None) -> tuple[str, list[Entry]]:
        """Return the last place that must not be reached twice (empty: the start), and what was done since."""
        # What was done to a page; keeping a turn in the memory is an action, too.
        entries = [entry for entry in self.run.journal.actions() if "action" in entry.effect.arguments]
        entries = standing(entries, without)
        anchors = [index for index, entry in enumerate(entries) if _anchor(entry)]
        if not anchors:
            return "", entries
        return _anchor(entries[anchors[-1]]), entries[anchors[-1] + 1 :]

    async def save_storage(self, session: BrowserSession) -> None:
        """Keep cookies and local storage in the run folder (a profile keeps its own), readable by this user only."""
        if self.episode is not None:
            return
        from playwright.async_api import Error

        try:
            if self.config.profile is not None:
                await session.keep_cookies()
                return
            state = await session.context.storage_state()
        except Error as error:
            # The action was done, whatever became of the browser after it.
            self._warn(f"cookies and storage are kept as they were before: {str(error).splitlines()[0]}")
            return
        await asyncio.to_thread(write_private, self.storage, json.dumps(state))

    @property
    def storage(self) -> Path:
        return self.run.folder.path / STORAGE

    async def start(self, session: BrowserSession, anchor: str = "") -> None:
        """Open the anchor in a session, else the page that the task starts from."""
        if anchor:
            await goto(session, anchor)
        elif self.episode is not None:
            await self.episode.open(session)
        elif self.url is not None:
            await goto(session, self.url)

    async def _repeat(self, session: BrowserSession, entry: Entry) -> bool:
        if not entry.effect.replayable or entry.effect.irreversible:
            self._warn(f"{entry.effect.describe} is not repeated on the fresh page")
            return False
        try:
            await self.actions.replay(session, Action.from_json(entry.effect.arguments["action"]))
        except ToolError as error:
            self._warn(f"{entry.effect.describe} can't be repeated on the fresh page: {error.message}")
            return False
        self.run.emit(Note(text=f"repeated on the fresh page: {entry.effect.describe}"))
        return True

    def _put_away(self) -> None:
        self.control.surface = None

    def _warn(self, text: str) -> None:
        self.run.emit(Note(level="warning", text=text))

    def _note(self, event: BrowserEvent) -> None:
        if event.kind != "console":
            level = "warning" if event.kind in ("blocked", "crash", "dialog", "video") else "info"
            self.run.emit(Note(level=level, text=event.text))


def _anchor(entry: Entry) -> str:
    """Return the URL from which a restored page starts after this action, empty when it changed no document."""
    return entry.outcome.get("anchor") or "" if isinstance(entry.outcome, dict) else ""
