"""One MiniWoB++ episode: a task and a seed, in a browser session."""

from __future__ import annotations

from agentkit.errors import ToolError, UsageError

from ...tools.browser import BrowserSession, SessionConfig
from ...tools.browser.actions import effect_of, goto
from .server import MiniWobServer
from .tasks import ALL64

EPISODE_MS = 3_600_000
VIEWPORT = (500, 320)

# The utterance is the task, not something seen; the reward display, the click marks and the start button
# belong to the benchmark. Everything else is observed: menus and calendars hang on the body, not in #area.
NOT_OBSERVED = "#query, #reward-display, #click-canvas, #sync-task-cover"


def session_config(server: MiniWobServer, **changes: object) -> SessionConfig:
    """Return the configuration of a session for episodes: sandboxed, without the benchmark's own display."""
    base = {"start": server.url, "viewport": VIEWPORT, "sandbox": True, "ignore": NOT_OBSERVED}
    return SessionConfig(**{**base, **changes})  # type: ignore[arg-type]


_START = """([seed, limit]) => {
  Math.seedrandom(String(seed));
  core.EPISODE_MAX_TIME = limit;
  core.startEpisodeReal();
}"""


class MiniWobTask:
    """An episode. The page's own clock is stopped for practical purposes (an hour)."""

    def __init__(self, server: MiniWobServer, name: str, seed: int) -> None:
        if name not in ALL64:
            raise UsageError(f"there is no MiniWoB++ task {name!r} among the 64")
        self.server = server
        self.name = name
        self.seed = seed

    async def setup(self, session: BrowserSession) -> str:
        """Open the page, start the episode of the seed, and return its utterance.

        Also what a resumed run does: the same seed gives the same episode. Raises ``ToolError`` when the
        page does not start.
        """
        await goto(session, self.server.page(self.name))
        await session.page.wait_for_load_state("load")
        begin = [self.seed, EPISODE_MS]
        await effect_of(session, lambda: session.page.evaluate(_START, begin))
        return await self.utterance(session)

    async def utterance(self, session: BrowserSession) -> str:
        """Return the text of the task."""
        said = await session.page.evaluate("core.getUtterance()")
        # A few pages return the text together with the fields it was made from; those are not for the agent.
        return said["utterance"] if isinstance(said, dict) else said

    async def done(self, session: BrowserSession) -> bool:
        """Say whether the episode has ended. A page that left the task has not."""
        return await self._read(session, "WOB_DONE_GLOBAL") == 1

    async def reward(self, session: BrowserSession) -> float | None:
        """Return the raw reward (-1 to 1, without the time penalty), or None while the episode goes on."""
        if not await self.done(session):
            return None
        return await self._read(session, "WOB_RAW_REWARD_GLOBAL")

    async def _read(self, session: BrowserSession, name: str) -> float:
        value = await session.page.evaluate(f"typeof {name} === 'undefined' ? null : Number({name})")
        if value is None:
            raise ToolError(f"the page {session.url} is not the page of {self.name}")
        return value
