"""Keeps the outcome of an evaluation in a folder."""

from __future__ import annotations

from pathlib import Path

from agentkit.contracts.evaluation import Evaluation

NAME = "evaluation.json"


def keep(found: Evaluation, out: Path | None) -> Evaluation:
    """Write an evaluation into ``out`` (made if missing) and return it with its folder; None keeps nothing."""
    if out is None:
        return found
    out.mkdir(parents=True, exist_ok=True)
    kept = found.model_copy(update={"run": str(out)})
    (out / NAME).write_text(kept.model_dump_json(indent=1), "utf-8")
    return kept
