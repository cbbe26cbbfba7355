"""What looking ahead brings: the same episodes with and without it, paired.

python -m agentkit.evals.miniwob.ahead --tasks click-option,click-link --seeds 10300-10304 --out ahead
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentkit.config import Settings
from agentkit.contracts.evaluation import Metric
from agentkit.errors import UsageError

from ...agents.web import LookAhead
from ..intervals import average, paired_difference, proportion
from ..seeds import seeds_of
from .runner import Setup, run
from .tasks import tasks_of

# Tasks of one page with several steps or several things to choose from, where a value could tell ways apart.
TASKS = "click-option,click-checkboxes,click-tab-2,click-collapsible,enter-text,choose-list"
SEEDS = "10300-10304"
COSTS = ("steps", "calls", "seconds")


def paired(plain: Sequence[dict[str, Any]], ahead: Sequence[dict[str, Any]]) -> dict[str, Metric]:
    """Return success of both, their difference, and the differences of what it costs, over the same episodes.

    Raises ``UsageError`` when the rows are not of the same tasks and seeds, in one order.
    """
    if [(row["task"], row["seed"]) for row in plain] != [(row["task"], row["seed"]) for row in ahead]:
        raise UsageError("the rows are not of the same episodes")
    wins, more = ([row["success"] for row in rows] for rows in (plain, ahead))
    found = {
        "success/plain": proportion(sum(wins), len(wins)),
        "success/ahead": proportion(sum(more), len(more)),
        "success/difference": paired_difference(more, wins),
    }
    for name in COSTS:
        found[f"{name}/plain"] = average([row[name] for row in plain])
        found[f"{name}/difference"] = paired_difference([r[name] for r in ahead], [r[name] for r in plain])
    return found


async def measure(
    tasks: Sequence[str], seeds: Sequence[int], setup: Setup, look: LookAhead, out: Path
) -> dict[str, Metric]:
    """Play the episodes without and with looking ahead; what is in ``out`` already is not played again."""

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    settings = Settings.load()
    plain = await run(tasks, seeds, setup, settings=settings, out=out / "plain", say=say)
    with_it = replace(setup, look_ahead=look)
    name = f"ahead-{look.depth}-{look.width}-{look.budget}"
    return paired(plain, await run(tasks, seeds, with_it, settings=settings, out=out / name, say=say))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", default=TASKS)
    parser.add_argument("--seeds", default=SEEDS)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--width", type=int, default=3)
    parser.add_argument("--budget", type=int, default=6, help="tries a decision")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    look = LookAhead(depth=given.depth, width=given.width, budget=given.budget)
    work = measure(tasks_of(given.tasks), seeds_of(given.seeds), Setup(given.model), look, given.out)
    for name, metric in asyncio.run(work).items():
        print(f"{name}: {metric.mean:.3f} [{metric.low:.3f}, {metric.high:.3f}] of {metric.n}")


if __name__ == "__main__":
    main()
