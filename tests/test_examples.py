"""The examples run as they are, from outside of their folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(tmp_path: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_examples_are_tested() -> None:
    runnable = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".yaml")}
    assert runnable == {"visual_search.py", "typed_tools.py", "checks.yaml"}


def test_visual_search(tmp_path) -> None:
    pytest.importorskip("skimage")
    assert "looks, run: runs/" in run(tmp_path, str(EXAMPLES / "visual_search.py"))


def test_typed_tools(tmp_path) -> None:
    assert run(tmp_path, str(EXAMPLES / "typed_tools.py")).startswith(
        "tea and cake: 7.70 euros, after 2 steps"
    )


def test_the_run_file(tmp_path) -> None:
    assert run(tmp_path, "-m", "agentkit.cli.main", "run", str(EXAMPLES / "checks.yaml"), "--out", "r")
    assert (tmp_path / "r" / "step-03" / "run.json").is_file()
