"""``agentkit research`` and ``agentkit critic``: what is wrong is one line, with its mend, before any model is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentkit.cli.main import app


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTKIT_INDEX", raising=False)


def test_without_anything_to_search_it_says_what_to_give() -> None:
    code, _, err = run("research", "What is the capital of Peru?")
    assert code == 2
    assert "--index DIR" in err


def test_a_missing_index_picture_or_critic_is_named() -> None:
    code, out, _ = run("research", "What?", "--index", "none", "--json")
    assert code == 2
    assert "none" in json.loads(out)["error"]
    assert "there is no picture at none.png" in run("research", "What?", "--image", "none.png")[2]
    code, _, err = run("critic", "eval", "--critic-file", "none.json", "--items", "6", "--practice", "done")
    assert code == 2
    assert "no stored critic" in err


def test_dynvqa_needs_its_data() -> None:
    code, _, err = run("eval", "dynvqa", "--data", "none.jsonl")
    assert code == 2
    assert "there is no Dyn-VQA file none.jsonl" in err


def test_an_arm_that_is_not_there_is_named() -> None:
    code, _, err = run("eval", "research", "--family", "guess")
    assert code == 2
    assert "planner and critic" in err
