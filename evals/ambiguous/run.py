"""``agentkit eval ambiguous``: MiniWoB++ with something left out of the task, and a user who knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation
from agentkit.errors import ToolError
from agentkit.runtime.ask import Answerer
from agentkit.runtime.cast import Cast

from ...agents.web import WebAgent
from ...tools.browser import BrowserSession
from ..keep import keep
from ..miniwob.runner import Setup, chosen, row_of, run
from ..miniwob.server import MiniWobServer
from ..miniwob.task import MiniWobTask, session_config
from ..seeds import seeds_of
from .cuts import CUTS, Cut, cuts_of
from .metrics import CLEAR, metrics_of
from .policy import InformedExperts
from .user import SimulatedUser

if TYPE_CHECKING:
    from playwright.async_api import Browser

QUICK = "click-link,click-tab,enter-text-dynamic,login-user-popup"
QUICK_SEEDS = "10000-10001"


@dataclass(frozen=True)
class AmbiguousSetup(Setup):
    """Who plays, and how: as ``Setup``, with the experts behind the agent's questions."""

    def agent(self, settings: Settings, cast: Cast, browser: Browser) -> WebAgent:
        if self.policy != "experts":
            return super().agent(settings, cast, browser)
        return WebAgent(settings=settings, cast=cast, policy=InformedExperts(), memory="off", browser=browser)


class Ambiguous:
    """Each task and seed as it is, and with each of its values left out. ``clear``: also as it is."""

    key = ("variant",)

    def __init__(self) -> None:
        self._cuts: dict[tuple[str, int], dict[str, Cut]] = {}

    def items(self, task: str) -> Sequence[Mapping[str, Any]]:
        return [{"variant": variant} for variant in (CLEAR, *CUTS.get(task, ()))]

    async def row(self, agent: WebAgent, server: MiniWobServer, item: Mapping[str, Any]) -> dict[str, Any]:
        """Play an episode with the simulated user; one that lacks the value is ``skipped``."""
        task, seed, variant = item["task"], item["seed"], item["variant"]
        cut = None if variant == CLEAR else (await self._read(agent, server, task, seed)).get(variant)
        base = {"task": task, "seed": seed, "variant": variant}
        if cut is None and variant != CLEAR:
            nothing = {"success": False, "reward": 0.0, "steps": 0, "run": None, "slots": [], "asked": []}
            return {**base, **nothing, "skipped": True}
        user = SimulatedUser(cut)
        agent.answers = list[Answerer]([user])
        if isinstance(agent.policy, InformedExperts):
            agent.policy.cut = cut
        row = await row_of(agent, server, task, seed, text=cut.text if cut else None)
        asked = [asdict(question) for question in user.asked]
        return {**row, **base, "slots": sorted(cut.slots) if cut else [], "asked": asked}

    async def _read(self, agent: WebAgent, server: MiniWobServer, task: str, seed: int) -> Mapping[str, Cut]:
        """Return the cuts of an episode, read off its page before anything is played."""
        if (task, seed) not in self._cuts:
            try:
                async with BrowserSession(session_config(server), browser=agent.browser) as session:
                    text = await MiniWobTask(server, task, seed).setup(session)
                    fields = await session.page.evaluate("core.currentFields ?? {}")
                    html = await session.page.evaluate("document.querySelector('#area').innerHTML")
            except ToolError:
                # The page did not open: another try when the next variant comes.
                return {}
            self._cuts[task, seed] = cuts_of(task, text, fields, html)
        return self._cuts[task, seed]


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    tasks: str = QUICK,
    seeds: str = QUICK_SEEDS,
    policy: str = "experts",
    memory: str = "on",
    boost: float | None = None,
    workers: int = 1,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Evaluate when and what the web agent asks. Flags as of ``agentkit eval miniwob``.

    Rows are those of miniwob with ``variant`` (``clear``, or the names of what is left out), ``slots`` and ``asked``
    (each question with the slot that it asks for). Raises ``UsageError`` for what there is not.
    """
    names, plain = chosen(settings, tasks, policy, memory, boost)
    setup = AmbiguousSetup(**vars(plain))
    rows = await run(
        names, seeds_of(seeds), setup, game=Ambiguous(), settings=settings, out=out, workers=workers, say=say
    )
    items = sum(not row.get("skipped") for row in rows)
    who = "experts" if policy == "experts" else setup.model or "smollm2"
    return keep(
        Evaluation(name="ambiguous", model=who, items=items, metrics=metrics_of(rows), rows=rows), out
    )
