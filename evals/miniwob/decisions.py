"""``agentkit eval decisions``: would the model decide as the expert does? One row an episode that an expert plays."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation
from agentkit.contracts.event import Decided
from agentkit.errors import UsageError
from agentkit.models import Model

from ...agents.web import Ranking, WebAgent
from ...agents.web.candidates import Candidate
from ...agents.web.prompt import View
from ..intervals import median, proportion
from ..keep import keep
from ..seeds import seeds_of
from .experts import EXPERTS, ExpertPolicy
from .runner import Setup, ranking_of, row_of, run
from .server import MiniWobServer
from .tasks import SIMPLE, tasks_of

QUICK_SEEDS = "10200-10201"


@dataclass(frozen=True)
class Shadow(Ranking):
    """Ranks as ever, and writes down whether it would do what the expert does; the expert's move is made.

    Strict: another action counts as wrong though it is often as good (another one of several boxes to check).
    """

    task: str = ""
    decisions: list[dict[str, Any]] = field(default_factory=list)

    async def choose(
        self, model: Model, view: View, candidates: Sequence[Candidate]
    ) -> tuple[Candidate, Decided]:
        move = ExpertPolicy().choose(view, self.task)
        places = [i for i, option in enumerate(candidates) if move and option.action == move.action]
        start = time.perf_counter()
        choice, decided = await super().choose(model, view, candidates)
        if len(candidates) > 1:
            self.decisions.append(
                {
                    "options": len(candidates),
                    "offered": bool(places),
                    "right": any(candidates[place] is choice for place in places),
                    "expert": move.words if move else None,
                    "choice": choice.words,
                    "seconds": round(time.perf_counter() - start, 3),
                }
            )
        return (move or choice), decided


class Decisions:
    """What is played: the experts' episodes, with a model that is asked what it would do."""

    key = ()

    def items(self, task: str) -> Sequence[Mapping[str, Any]]:
        return ({},)

    async def row(self, agent: WebAgent, server: MiniWobServer, item: Mapping[str, Any]) -> dict[str, Any]:
        ranking = {f.name: getattr(agent.ranking, f.name) for f in fields(Ranking)}
        shadow = Shadow(**ranking, task=item["task"])
        agent.ranking = shadow
        row = await row_of(agent, server, item["task"], item["seed"])
        return {**row, "decisions": shadow.decisions}


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    tasks: str = "",
    seeds: str = QUICK_SEEDS,
    memory: str = "on",
    boost: float | None = None,
    workers: int = 1,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Evaluate single decisions of a ranking model on episodes that experts play.

    ``tasks``: as for ``miniwob``; default are the simple ones that have an expert. Metrics: ``right`` (strict), by task
    too, ``offered`` (the expert's move was among the candidates), ``seconds`` (median of a decision).
    """
    names = tasks_of(tasks) if tasks else tuple(name for name in SIMPLE if name in EXPERTS)
    if without := [name for name in names if name not in EXPERTS]:
        raise UsageError(f"there is no expert for {', '.join(without)}", mend="--tasks demonstrated")
    setup = Setup(
        settings.decide or settings.model,
        memory=None if memory == "on" else memory,
        ranking=ranking_of(boost),
        max_steps=settings.max_steps or 30,
    )
    rows = await run(
        names, seeds_of(seeds), setup, game=Decisions(), settings=settings, out=out, workers=workers, say=say
    )
    made = [{"task": row["task"], **decision} for row in rows for decision in row["decisions"]]
    metrics = {
        "right": proportion(sum(item["right"] for item in made), len(made)),
        "offered": proportion(sum(item["offered"] for item in made), len(made)),
    }
    if made:
        metrics["seconds"] = median([item["seconds"] for item in made])
    for task in sorted({item["task"] for item in made}):
        mine = [item["right"] for item in made if item["task"] == task]
        metrics[f"right/{task}"] = proportion(sum(mine), len(mine))
    model = setup.model or "smollm2"
    return keep(Evaluation(name="decisions", model=model, items=len(made), metrics=metrics, rows=rows), out)
