"""``agentkit eval vstar``, ``hrbench`` and ``pope``: published benchmarks, whatever strategy looks at the pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.errors import UsageError

from ...agents.search.strategies import DIRECT, STRATEGIES
from ..keep import keep
from ..rows import Row, Rows
from . import hrbench, pope, vstar
from .item import Item, sample
from .play import KEY, Say, play
from .score import metrics_of
from .table import keep_table
from .ways import ORACLE, Plan, strategies_of


def quiet(line: str) -> None:
    """Say nothing."""


async def evaluate_vstar(
    settings: Settings,
    out: Path | None,
    *,
    data: Path | None = None,
    strategy: str | None = None,
    expert: str | None = None,
    budgets: str | None = None,
    family: Sequence[str] = (),
    items: int | None = None,
    workers: int = 1,
    say: Say = quiet,
) -> Evaluation:
    """Evaluate strategies on a folder in V*Bench's layout; all of them and the oracle, unless some are named."""
    folder = _needed(data, "vstar", "the folder of V*Bench, or one that agentkit scenes make made")
    named = strategy or ",".join([DIRECT, *STRATEGIES, ORACLE])
    plan = Plan(strategies_of(named, budgets), settings, judge_text, expert).check()
    chosen = sample(vstar.load(folder), items, family)
    return await _evaluate("vstar", chosen, plan, out, workers, say)


async def evaluate_hrbench(
    settings: Settings,
    out: Path | None,
    *,
    data: Path | None = None,
    images: Path | None = None,
    strategy: str | None = None,
    expert: str | None = None,
    budgets: str | None = None,
    family: Sequence[str] = (),
    items: int | None = None,
    workers: int = 1,
    say: Say = quiet,
) -> Evaluation:
    """Evaluate strategies on HR-Bench: its TSV, or annotations as JSON with pictures in ``images``."""
    file = _needed(data, "hrbench", "hr_bench_4k.tsv, or annotations as JSON")
    plan = Plan(strategies_of(strategy or DIRECT, budgets), settings, hrbench.judge, expert).check()
    with tempfile.TemporaryDirectory() as folder:
        chosen = hrbench.load(file, images, Path(folder), items, family)
        return await _evaluate("hrbench", chosen, plan, out, workers, say)


async def evaluate_pope(
    settings: Settings,
    out: Path | None,
    *,
    data: Path | None = None,
    images: Path | None = None,
    strategy: str | None = None,
    expert: str | None = None,
    items: int | None = None,
    workers: int = 1,
    say: Say = quiet,
) -> Evaluation:
    """Evaluate strategies on a file of POPE: JSON lines with image, text and label."""
    file = _needed(data, "pope", "coco_pope_random.json, say")
    plan = Plan(strategies_of(strategy or DIRECT), settings, pope.judge, expert).check()
    chosen = sample(pope.load(file, images), items)
    return await _evaluate("pope", chosen, plan, out, workers, say, pope.metrics_of)


def judge_text(item: Item, answer: str) -> int | None:
    """Return the option that an answer is, in any case of letters and with any final period."""
    said = _plain(answer)
    return next((index for index, option in enumerate(item.options) if _plain(option) == said), None)


def _plain(text: str) -> str:
    return text.lower().strip().rstrip(".").strip()


def _needed(data: Path | None, name: str, what: str) -> Path:
    if data is None:
        raise UsageError(f"eval {name} needs its data", mend=f"--data: {what}")
    return data


async def _evaluate(
    name: str,
    items: Sequence[Item],
    plan: Plan,
    out: Path | None,
    workers: int,
    say: Say,
    also: Callable[[Sequence[Row]], dict[str, Metric]] = lambda rows: {},
) -> Evaluation:
    say(f"▸ {name}: {len(items)} items, {', '.join(plan.strategies)}")
    rows = await play(items, plan, Rows(out, KEY), workers=workers, say=say)
    found = Evaluation(
        name=name,
        model=rows[0]["model"] if rows else "",
        items=len(items),
        metrics=metrics_of(rows) | also(rows),
        rows=rows,
    )
    return keep(keep_table(found, out), out)
