"""One agent, one episode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentkit.contracts.result import Result

from ...agents.web import WebAgent
from ...tools.browser import BrowserSession, SessionConfig
from .server import MiniWobServer
from .task import MiniWobTask, session_config


class MiniWobEpisode:
    """A task and a seed as an episode of the web agent, which is told that it is over, never how well it went."""

    def __init__(self, server: MiniWobServer, task: str, seed: int) -> None:
        self.config: SessionConfig = session_config(server)
        self.task = MiniWobTask(server, task, seed)
        self.reward: float | None = None

    async def open(self, session: BrowserSession) -> None:
        """Start the episode of the seed; the same each time."""
        await self.task.setup(session)

    async def over(self, session: BrowserSession) -> bool:
        """Say whether the episode has ended; its raw reward is kept here, for the judge."""
        self.reward = await self.task.reward(session)
        return self.reward is not None


@dataclass(frozen=True)
class Played:
    """How an episode went. ``reward`` is MiniWoB's raw reward (-1 to 1), 0 when the episode was not ended."""

    result: Result
    reward: float
    task: str

    @property
    def success(self) -> bool:
        """Whether the raw reward is 1."""
        return self.reward == 1.0


async def read_task(agent: WebAgent, episode: MiniWobEpisode) -> str:
    """Return the text of an episode's task, read in a session of its own."""
    async with BrowserSession(episode.config, browser=agent.browser) as session:
        return await episode.task.setup(session)


async def play(
    agent: WebAgent,
    server: MiniWobServer,
    name: str,
    seed: int,
    *,
    task: str | None = None,
    out: Path | str | None = None,
) -> Played:
    """Let an agent play an episode; ``task`` replaces its text (one with a value cut out of it, say).

    The agent stays on this episode until it plays another, so that a paused run can be resumed (``play_on``).
    """
    episode = MiniWobEpisode(server, name, seed)
    text = task if task is not None else await read_task(agent, episode)
    agent.episode = episode
    result = await agent.arun(text, out=out, family=name)
    return Played(result, reward_of(agent), text)


async def play_on(agent: WebAgent, played: Played, answer: str) -> Played:
    """Answer the question at which an episode paused, and let the agent go on."""
    result = await agent.aresume(played.result, answer)
    return Played(result, reward_of(agent), played.task)


def reward_of(agent: WebAgent) -> float:
    """Return the raw reward of the episode that an agent last played."""
    episode = agent.episode
    return (episode.reward or 0.0) if isinstance(episode, MiniWobEpisode) else 0.0
