"""MiniWoB++ with the web agent: tasks by seeds, one row an episode.

    python -m agentkit.evals.miniwob.runner --tasks click-button,click-link --seeds 10000:10005 --out rows.jsonl

Seeds from 100,000 are for exemplars, 10,000 to 19,999 for tuning, 1 to 9,999 for evaluation.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.runtime.cast import Cast

from ...agents.web import Ranking, WebAgent
from ...tools.browser import launch
from ..intervals import average, proportion
from .play import play
from .server import MiniWobServer
from .tasks import tasks_of

QUICK = "click-button,click-test,click-test-2,click-link,enter-text"


async def run(
    tasks: Sequence[str],
    seeds: Iterable[int],
    *,
    model: str | None = None,
    policy: Literal["rank", "generate"] = "rank",
    memory: str | None = None,
    ranking: Ranking | None = None,
    settings: Settings | None = None,
    out: Path | None = None,
    max_steps: int = 15,
) -> list[dict[str, Any]]:
    """Return one row an episode: ``task, seed, success, reward, steps, calls, seconds, status, run``.

    With ``out`` (a JSONL file) rows are appended as they are made, and episodes that it already holds are not
    played again. Run folders are kept beside ``out``, or thrown away.
    """
    from playwright.async_api import async_playwright

    if out is not None:
        await asyncio.to_thread(out.parent.mkdir, parents=True, exist_ok=True)
    known = _rows(out)
    played = {(row["task"], row["seed"]) for row in known}
    wanted = [(task, seed) for task in tasks for seed in seeds if (task, seed) not in played]
    with tempfile.TemporaryDirectory() as scratch, MiniWobServer() as server:
        runs = Path(scratch) if out is None else out.parent / "runs"
        base = (settings or Settings.load()).model_copy(update={"runs": runs, "max_steps": max_steps})
        cast = Cast(base, model=model)
        async with async_playwright() as playwright:
            browser = await launch(playwright)
            agent = WebAgent(
                settings=base,
                cast=cast,
                policy=policy,
                memory=memory,
                ranking=ranking,
                browser=browser,
            )
            for task, seed in wanted:
                row = await _row(agent, server, task, seed)
                # Without a place for rows there is none for runs either.
                row["run"] = row["run"] if out is not None else None
                known.append(row)
                if out is not None:
                    with out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
            await browser.close()
        await cast.aclose()
    return known


async def _row(agent: WebAgent, server: MiniWobServer, task: str, seed: int) -> dict[str, Any]:
    start = time.perf_counter()
    played = await play(agent, server, task, seed)
    result = played.result
    return {
        "task": task,
        "seed": seed,
        "success": played.success,
        "reward": played.reward,
        "steps": result.steps,
        "calls": result.usage.calls,
        "seconds": round(time.perf_counter() - start, 2),
        "status": result.status,
        "utterance": played.task,
        "actions": [step["action"] for step in result.output["steps"]]
        if isinstance(result.output, dict)
        else [],
        "run": result.run,
    }


def _rows(out: Path | None) -> list[dict[str, Any]]:
    if out is None or not out.is_file():
        return []
    return [json.loads(line) for line in out.read_text("utf-8").splitlines() if line.strip()]


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Metric]:
    """Return success (Wilson's interval), reward, steps, calls and seconds over all rows, and success by task."""
    metrics = {"success": proportion(sum(row["success"] for row in rows), len(rows))}
    metrics |= {
        name: average([row[name] for row in rows]) for name in ("reward", "steps", "calls", "seconds")
    }
    for task in sorted({row["task"] for row in rows}):
        mine = [row for row in rows if row["task"] == task]
        metrics[f"success/{task}"] = proportion(sum(row["success"] for row in mine), len(mine))
    return metrics


def evaluation(rows: Sequence[dict[str, Any]], model: str) -> Evaluation:
    """Return the rows with their metrics."""
    return Evaluation(name="miniwob", model=model, items=len(rows), metrics=summary(rows), rows=list(rows))


async def evaluate(settings: Settings, out: Path | None) -> Evaluation:
    """``agentkit eval miniwob``: a few tasks on tuning seeds."""
    file = None if out is None else out / "rows.jsonl"
    rows = await run(tasks_of(QUICK), range(10_000, 10_003), settings=settings, out=file)
    return evaluation(rows, settings.decide or settings.model or "smollm2")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", default=QUICK, help="names separated by commas, or a subset's name")
    parser.add_argument("--seeds", default="10000:10003", help="first:end")
    parser.add_argument("--model", default=None)
    parser.add_argument("--policy", default="rank", choices=["rank", "generate"])
    parser.add_argument("--memory", default=None, help="a folder, or off; default: the exemplars that ship")
    parser.add_argument("--boost", type=float, default=Ranking.boost)
    parser.add_argument("--prior", type=float, default=Ranking.prior)
    parser.add_argument("--exemplars", type=int, default=Ranking.exemplars)
    parser.add_argument("--max-steps", type=int, default=15)
    parser.add_argument(
        "--out", type=Path, default=None, help="rows, appended; what is there is not played again"
    )
    given = parser.parse_args()
    first, _, end = given.seeds.partition(":")
    rows = asyncio.run(
        run(
            tasks_of(given.tasks),
            range(int(first), int(end)),
            model=given.model,
            policy=given.policy,
            memory=given.memory,
            ranking=Ranking(given.boost, given.prior, given.exemplars),
            out=given.out,
            max_steps=given.max_steps,
        )
    )
    for name, value in summary(rows).items():
        print(f"{name:36} {value.mean:7.3f} [{value.low:.3f}, {value.high:.3f}] n={value.n}")


if __name__ == "__main__":
    main()
