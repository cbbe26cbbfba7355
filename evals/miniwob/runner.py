"""``agentkit eval miniwob``: tasks by seeds, each episode in a context of its own, one row an episode.

Seeds from 100,000 are for exemplars, 10,000 to 19,999 for tuning, 1 to 9,999 for evaluation.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.errors import ModelError, ToolError, UsageError
from agentkit.runtime.cast import Cast

from ...agents.web import LookAhead, Policy, Ranking, WebAgent
from ...tools.browser import launch
from ..intervals import average, proportion
from ..keep import keep
from ..rows import Rows
from ..seeds import seeds_of
from .experts import EXPERTS, ExpertPolicy
from .play import play
from .server import MiniWobServer
from .tasks import tasks_of

if TYPE_CHECKING:
    from playwright.async_api import Browser

QUICK = "click-button,click-test,click-test-2,click-link,enter-text"
QUICK_SEEDS = "10000-10002"
POLICIES = ("rank", "generate", "experts")
NUMBERS = ("reward", "steps", "calls", "tokens", "seconds")


@dataclass(frozen=True)
class Setup:
    """Who plays, and how. ``memory``: None (the user's, else the exemplars that ship), ``"off"``, or a folder.

    ``look_ahead`` is no column: rows with it and without it are kept in folders of their own.
    """

    model: str | None = None
    policy: str = "rank"
    memory: str | None = None
    ranking: Ranking = field(default_factory=Ranking)
    max_steps: int = 15
    look_ahead: LookAhead | None = None

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise UsageError(f"there is no policy {self.policy!r}", mend=", ".join(POLICIES))

    def columns(self) -> dict[str, Any]:
        """Return the setup as columns of its rows: rows of several setups may share a folder."""
        ranking = self.ranking
        return {
            "model": self.model,
            "policy": self.policy,
            "memory": self.memory,
            "boost": ranking.boost,
            "page": ranking.page,
            "prior": ranking.prior,
            "named": ranking.named,
            "exemplars": ranking.exemplars,
            "max_steps": self.max_steps,
        }

    def agent(self, settings: Settings, cast: Cast, browser: Browser) -> WebAgent:
        """Return an agent that plays; one at a time uses it."""
        own: Policy | Any = ExpertPolicy() if self.policy == "experts" else self.policy
        memory = "off" if self.policy == "experts" else self.memory
        return WebAgent(
            settings=settings,
            cast=cast,
            policy=own,
            memory=memory,
            ranking=self.ranking,
            browser=browser,
            look_ahead=self.look_ahead,
        )


class Game(Protocol):
    """What is played of each task and seed."""

    @property
    def key(self) -> Sequence[str]:
        """The columns that tell the episodes of one task and seed apart."""
        ...

    def items(self, task: str) -> Sequence[Mapping[str, Any]]:
        """Return those columns for each episode of a task and seed."""
        ...

    async def row(self, agent: WebAgent, server: MiniWobServer, item: Mapping[str, Any]) -> dict[str, Any]:
        """Play an episode (``item`` has ``task``, ``seed`` and the columns) and return its row."""
        ...


class Episodes:
    """One episode a task and seed, as the page gives it."""

    key = ()

    def items(self, task: str) -> Sequence[Mapping[str, Any]]:
        return ({},)

    async def row(self, agent: WebAgent, server: MiniWobServer, item: Mapping[str, Any]) -> dict[str, Any]:
        return await row_of(agent, server, item["task"], item["seed"])


async def run(
    tasks: Sequence[str],
    seeds: Sequence[int],
    setup: Setup | None = None,
    *,
    game: Game | None = None,
    settings: Settings | None = None,
    out: Path | None = None,
    workers: int = 1,
    say: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Return one row an episode, in the order of tasks and seeds.

    A row has ``task, seed, success, reward, steps, calls, tokens, seconds, status, utterance, actions, run`` and the
    columns of its setup. With ``out`` (a folder) rows are kept in ``rows.jsonl`` as they are made, with their runs, and
    episodes of the same setup that are there already are not played again. ``workers`` episodes are played at a time.
    ``game`` says what is played of a task and seed, if not its one episode.
    """
    from playwright.async_api import async_playwright

    setup, game = setup or Setup(), game or Episodes()
    columns = setup.columns()
    rows = Rows(out, ("task", "seed", *game.key, *columns))
    wanted = [
        {"task": task, "seed": seed, **more, **columns}
        for task in tasks
        for seed in seeds
        for more in game.items(task)
    ]
    left = iter([item for item in wanted if rows.find(item) is None])
    with tempfile.TemporaryDirectory() as scratch, MiniWobServer() as server:
        folder = Path(scratch) if out is None else out / "runs"
        base = (settings or Settings.load()).model_copy(update={"runs": folder, "max_steps": setup.max_steps})
        cast = Cast(base, model=setup.model)
        async with async_playwright() as playwright:
            browser = await launch(playwright)

            async def work() -> None:
                agent = setup.agent(base, cast, browser)
                for item in left:
                    row = await game.row(agent, server, item)
                    # Without a place for rows there is none for runs either.
                    rows.add([{**row, **columns, "run": row["run"] if out is not None else None}])
                    if say is not None:
                        done = sum(rows.find(item) is not None for item in wanted)
                        what = f"{row['task']} {row['seed']}: {row['reward']:g} in {row['steps']} steps"
                        say(f"{done}/{len(wanted)} {what}")

            try:
                await asyncio.gather(*(work() for _ in range(max(1, workers))))
            finally:
                await browser.close()
                await cast.aclose()
    return [row for item in wanted if (row := rows.find(item)) is not None]


async def row_of(
    agent: WebAgent, server: MiniWobServer, task: str, seed: int, *, text: str | None = None
) -> dict[str, Any]:
    """Play an episode and return its row; ``text`` replaces the page's utterance."""
    start = time.perf_counter()
    try:
        played = await play(agent, server, task, seed, task=text)
    except (ToolError, ModelError) as error:
        # A page or a model that fails costs its episode, not the evaluation.
        missed = {"success": False, "reward": 0.0, "steps": 0, "calls": 0, "tokens": 0, "status": "failed"}
        seconds = round(time.perf_counter() - start, 2)
        return {"task": task, "seed": seed, **missed, "seconds": seconds, "error": str(error), "run": None}
    result = played.result
    output = result.output if isinstance(result.output, dict) else {}
    return {
        "task": task,
        "seed": seed,
        "success": played.success,
        "reward": played.reward,
        "steps": result.steps,
        "calls": result.usage.calls,
        "tokens": result.usage.input_tokens + result.usage.output_tokens,
        "seconds": round(time.perf_counter() - start, 2),
        "status": result.status,
        "error": result.error,
        "utterance": played.task,
        "actions": [step["action"] for step in output.get("steps", ())],
        "run": result.run,
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Metric]:
    """Return success (Wilson's interval) and the means of ``NUMBERS`` over all rows, and success by task."""
    metrics = {"success": proportion(sum(row["success"] for row in rows), len(rows))}
    metrics |= {name: average([row[name] for row in rows]) for name in NUMBERS}
    for task in sorted({row["task"] for row in rows}):
        mine = [row for row in rows if row["task"] == task]
        metrics[f"success/{task}"] = proportion(sum(row["success"] for row in mine), len(mine))
    return metrics


def chosen(
    settings: Settings, tasks: str, policy: str, memory: str, boost: float | None
) -> tuple[tuple[str, ...], Setup]:
    """Return the tasks and the setup of the flags. Raises ``UsageError`` for what there is not."""
    # An expert's slider takes many keys; a model that is not done by 15 steps goes round in circles.
    steps = settings.max_steps or (30 if policy == "experts" else 15)
    kept = None if memory == "on" else memory
    setup = Setup(_reference(settings, policy), policy, kept, ranking_of(boost), steps)
    names = tasks_of(tasks)
    if policy == "experts" and (without := [name for name in names if name not in EXPERTS]):
        raise UsageError(
            f"there is no expert for {', '.join(without)}", mend="--tasks demonstrated has one each"
        )
    return names, setup


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    tasks: str = QUICK,
    seeds: str = QUICK_SEEDS,
    policy: str = "rank",
    memory: str = "on",
    boost: float | None = None,
    workers: int = 1,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Evaluate the web agent. ``tasks``: names, or a list of ``SUBSETS`` (``all64``, ``simple``, ...).

    ``seeds``: ``1-5``. ``memory``: ``on``, ``off`` or a folder. ``boost`` multiplies the attention on the
    task when ranking (1: the model as it is). Raises ``UsageError`` for what there is not.
    """
    names, setup = chosen(settings, tasks, policy, memory, boost)
    rows = await run(names, seeds_of(seeds), setup, settings=settings, out=out, workers=workers, say=say)
    model = "experts" if policy == "experts" else setup.model or "smollm2"
    return keep(
        Evaluation(name="miniwob", model=model, items=len(rows), metrics=summary(rows), rows=rows), out
    )


def ranking_of(boost: float | None) -> Ranking:
    """Return the ranking of ``--boost``: 1 leaves the model's attention as it is."""
    return Ranking() if boost is None else Ranking.unedited() if boost == 1 else Ranking(boost=boost)


def _reference(settings: Settings, policy: str) -> str | None:
    return None if policy == "experts" else settings.decide or settings.model
