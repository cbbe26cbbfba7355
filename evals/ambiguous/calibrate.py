"""Fit the criterion's limits on tuning seeds: what each limit asks on first pages, of clear tasks and of cut ones.

python -m agentkit.evals.ambiguous.calibrate --seeds 10000-10009
python -m agentkit.evals.ambiguous.calibrate --seeds 10000-10001 --model smollm2 --tasks click-link,click-option
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agentkit.config import Settings
from agentkit.models import Model
from agentkit.runtime.cast import Cast

from ...agents.web import Ranking
from ...agents.web.candidates import candidates_of
from ...agents.web.follow_up import FollowUp, by_element
from ...agents.web.missing import Gap
from ...agents.web.prompt import View
from ...agents.web.values import values_in
from ...tools.browser import BrowserSession, observe
from ..intervals import proportion
from ..miniwob import MiniWobServer, MiniWobTask, session_config, tasks_of
from ..seeds import seeds_of
from .cuts import cuts_of
from .wordings import OTHER

LIMITS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TEMPERATURES = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Point:
    """A first page with one wording of its task: what it leaves open, and what a model gave the elements."""

    task: str
    cut: bool
    gaps: Sequence[Gap]
    scores: dict[str, float]


async def points(
    tasks: Sequence[str],
    seeds: Sequence[int],
    model: Model | None = None,
    wordings: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Point]:
    """Return the points of all tasks and seeds: each clear task, and each of its cuts (in other ``wordings``)."""
    found: list[Point] = []
    with MiniWobServer() as server:
        async with BrowserSession(session_config(server)) as session:
            for task in tasks:
                for seed in seeds:
                    text = await MiniWobTask(server, task, seed).setup(session)
                    page = await observe(session)
                    fields = await session.page.evaluate("core.currentFields ?? {}")
                    html = await session.page.evaluate("document.querySelector('#area').innerHTML")
                    cuts = cuts_of(task, text, fields, html, wordings=wordings)
                    for wording, cut in [(text, False), *((c.text, True) for c in cuts.values())]:
                        view = View(wording, page, values_in(wording))
                        gaps = FollowUp().open(view)
                        scores = await _scores(view, model) if model and any(g.readings for g in gaps) else {}
                        found.append(Point(task, cut, gaps, scores))
    return found


async def _scores(view: View, model: Model) -> dict[str, float]:
    options = candidates_of(view.snapshot, view.task, view.values)
    _, decided = await Ranking(exemplars=0).choose(model, view, options)
    return by_element(options, decided)


def asks(point: Point, rule: FollowUp) -> bool:
    """Say whether anything is asked on a point; with a model's scores, about readings as these weigh them."""
    weighed = [rule.weighed(gap, point.scores) if gap.readings else gap for gap in point.gaps]
    return rule.first(weighed) is not None


def table(found: Sequence[Point], rules: Sequence[tuple[str, FollowUp]]) -> str:
    """Return for each rule the share of cut and of clear tasks on which it asks, with Wilson's intervals."""
    lines = ["| rule | cut: asked | clear: asked |", "|---|---|---|"]
    for name, rule in rules:
        cells = []
        for cut in (True, False):
            mine = [point for point in found if point.cut is cut]
            share = proportion(sum(asks(point, rule) for point in mine), len(mine))
            cells.append(f"{share.mean:.3f} ({share.low:.3f}-{share.high:.3f}) of {share.n}")
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", default="all64")
    parser.add_argument("--seeds", default="10000-10004")
    parser.add_argument("--other", action="store_true", help="cut in words that nothing was fitted to")
    parser.add_argument("--model", help="also fit the temperature of its scores")
    given = parser.parse_args()
    asyncio.run(_calibrate(given.tasks, given.seeds, given.model, OTHER if given.other else None))


async def _calibrate(
    tasks: str, seeds: str, reference: str | None, wordings: Mapping[str, Mapping[str, str]] | None
) -> None:
    cast = Cast(Settings.load(), model=reference)
    try:
        model = await cast.get("decide") if reference else None
        found = await points(tasks_of(tasks), seeds_of(seeds), model, wordings)
    finally:
        await cast.aclose()
    rule = FollowUp()
    rules = [(f"limit {limit:g}", replace(rule, limit=limit)) for limit in LIMITS]
    if reference:
        rules += [(f"temperature {t:g}", replace(rule, temperature=t)) for t in TEMPERATURES]
    print(table(found, rules))


if __name__ == "__main__":
    main()
