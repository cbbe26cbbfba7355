"""What a test relies on in a result, told to the type checker too."""

from __future__ import annotations

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


def question_of(result: Result) -> Question:
    """Return the question that a result waits for."""
    assert result.question is not None
    return result.question
