from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.site import Site

from .maze import Maze


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as found:
        yield found


@pytest.fixture
def maze() -> Iterator[Maze]:
    with Maze() as found:
        yield found


@pytest.fixture(autouse=True)
def _own_runs(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AGENTKIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("AGENTKIT_MEMORY", str(tmp_path / "memory"))
