"""``agentkit eval research`` and ``dynvqa``: what was killed goes on, and comes to what it would have come to."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentkit.config import Settings
from agentkit.errors import UsageError
from agentkit.evals.research.practice import roll_out
from agentkit.evals.research.run import run, summary
from tests.evals.small_research import TWO, asked, evaluate

ROOT = Path(__file__).parents[2]
# What is measured anew each time.
TAKEN = "seconds"


def untimed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != TAKEN} for row in rows]


def kept(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text("utf-8").splitlines()]


async def test_a_benchmark_that_was_killed_while_it_wrote_a_row_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.evals.small_research", str(tmp_path / "out"), "3"]
    died = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    said: list[str] = []
    rows = await evaluate(tmp_path / "out", said)
    # The two rows that were whole are not made again; the index is there.
    assert [line.partition(":")[0] for line in said if " of 2:" in line] == ["1 of 2", "2 of 2"]
    assert [(row["arm"], row["seed"]) for row in kept(tmp_path / "out")] == [
        (arm.name, item.seed) for item in asked() for arm in TWO
    ]
    assert len({(row["arm"], row["seed"]) for row in rows}) == len(rows) == 4
    whole = await evaluate(tmp_path / "whole", [])
    assert untimed(rows) == untimed(whole)
    mine, theirs = summary(rows), summary(whole)
    assert {name: mine[name] for name in mine if TAKEN not in name} == {
        name: theirs[name] for name in theirs if TAKEN not in name
    }
    assert any(row["short"] for row in rows)
    # Once more: nothing is left to do.
    said.clear()
    assert await evaluate(tmp_path / "out", said) == rows
    assert said == []


async def test_rows_of_another_model_are_not_taken_for_its_own(tmp_path: Path) -> None:
    row = {"arm": TWO[0].name, "seed": asked()[0].seed, "round": 1, "model": "smollm2"}
    for name in ("rows.jsonl", "practice.jsonl"):
        (tmp_path / name).write_text(json.dumps(row) + "\n", "utf-8")
    other = Settings.load(model="script:none.jsonl")
    with pytest.raises(UsageError, match="made with the model 'smollm2'"):
        await run(other, tmp_path, TWO, asked())
    with pytest.raises(UsageError, match="made with the model 'smollm2'"):
        await roll_out(other, tmp_path, asked())
