"""How a run ended, where the run itself could not say so; and what is done with its folder then."""

from __future__ import annotations

import shutil
from pathlib import Path

from agentkit.contracts.result import Result
from agentkit.runs.folder import RunFolder

from .views import info_of


def has_ended(folder: Path) -> bool:
    """Return whether a run says how it ended; one that waits for an answer has not."""
    info = info_of(folder)
    return info is not None and info.result is not None and info.result.status != "needs_input"


def note_end(folder: Path, error: str) -> None:
    """Write into a run how it ended, where the run itself could not."""
    if info_of(folder) is None:
        return
    run = RunFolder.open(folder)
    result = run.info.result or Result(status="failed", run=str(folder))
    run.info.result = result.model_copy(update={"status": "failed", "error": error, "question": None})
    run.save()


def grant(folder: Path) -> None:
    """Give a run whose budget is spent the same budget once more."""
    run = RunFolder.open(folder)
    assert run.info.result is not None
    usage, steps = run.info.result.usage, run.info.result.steps
    tokens = usage.input_tokens + usage.output_tokens
    used = {
        "steps": steps,
        "calls": usage.calls,
        "tokens": tokens,
        "cost": usage.cost or 0.0,
        "seconds": usage.seconds,
    }
    run.info.budget = {name: limit + used[name] for name, limit in run.info.budget.items()}
    run.save()


def remove(folders: list[Path]) -> None:
    """Remove the folders of runs."""
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)
