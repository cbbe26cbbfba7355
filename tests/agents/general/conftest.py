from __future__ import annotations

import pytest

from agentkit.config import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings.load(runs=tmp_path / "runs")
