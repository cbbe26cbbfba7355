"""What a test relies on in a result, told to the type checker too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentkit.contracts.result import Question, Result


def run_of(result: Result) -> str:
    """Return the run folder of a result."""
    assert result.run is not None
    return result.run


def output_of(result: Result) -> dict[str, Any]:
    """Return the output of a result that is an object."""
    assert isinstance(result.output, dict)
    return result.output


def events_of(result: Result, kind: str) -> list[dict[str, Any]]:
    """Return the events of one kind that a run wrote, in order."""
    lines = (Path(run_of(result)) / "events.jsonl").read_text("utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def question_of(result: Result) -> Question:
    """Return the question that a result waits for."""
    assert result.question is not None
    return result.question
