"""Single decisions: what a model would do where an expert acts."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.config import Settings
from agentkit.errors import UsageError
from agentkit.evals.miniwob.decisions import evaluate


async def test_the_expert_plays_and_the_model_is_asked(tmp_path: Path) -> None:
    found = await evaluate(Settings.load(), tmp_path, tasks="click-dialog-2", seeds="10200")
    (row,) = found.rows
    assert row["success"]
    assert len(row["decisions"]) == found.items >= 1
    first = row["decisions"][0]
    assert first["options"] > 1
    assert first["offered"]
    assert first["right"] is (first["choice"] == first["expert"])
    assert found.metrics["right"].n == found.items
    # What is there already is not played again.
    again = await evaluate(Settings.load(), tmp_path, tasks="click-dialog-2", seeds="10200")
    assert again.rows == found.rows


async def test_a_task_without_an_expert_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no expert"):
        await evaluate(Settings.load(), tmp_path, tasks="click-option")
