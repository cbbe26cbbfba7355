"""Whose the seconds of a step are."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.config import Settings
from agentkit.evals.miniwob import share


def test_the_seconds_of_a_step_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "TASKS", ("click-test-2",))
    found = share.bench(Settings.load(), tmp_path, items=1)
    (row,) = found.rows
    assert row["own"] + row["model"] + row["browser"] == pytest.approx(row["seconds"], rel=0.2)
    assert min(row[part] for part in share.PARTS) > 0
    shares = [found.metrics[f"{part}/share"].mean for part in share.PARTS]
    assert sum(shares) == pytest.approx(1, abs=0.2)
    # What was measured is not measured again.
    assert share.bench(Settings.load(), tmp_path, items=1).rows == found.rows
