"""The table that people read: one column a strategy, on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agentkit.contracts.evaluation import Evaluation, Metric

from .score import WITHIN, parts_of
from .ways import Way

NAME = "table.md"
# Metrics that are no shares.
COUNTS = ("path", "calls", "seconds")


def table(evaluation: Evaluation) -> str:
    """Return the Markdown tables of an evaluation: strategies, and those that were run with budgets of looks."""
    ways = [Way.of(label) for label in dict.fromkeys(row["strategy"] for row in evaluation.rows)]
    whole = [way.label for way in ways if way.looks is None]
    limited = [way for way in ways if way.looks is not None]
    lines = [
        f"{evaluation.name}, {evaluation.model}, {evaluation.items} items. Shares in %; 95 % intervals in parentheses."
    ]
    if whole:
        lines += ["", *_lines(evaluation, whole)]
    if limited:
        lines += ["", "Right, and mean calls, with a budget of looks for each thing:", ""]
        lines += _curves(evaluation.metrics, limited)
    compared = {name: value for name, value in evaluation.metrics.items() if " - " in name}
    if compared:
        listed = "; ".join(f"{name} {_points(value)}" for name, value in compared.items())
        lines += ["", f"Paired differences of accuracy, in points: {listed}."]
    return "\n".join(lines) + "\n"


def keep_table(evaluation: Evaluation, out: Path | None) -> Evaluation:
    """Return the evaluation with its table, written into ``out`` too."""
    text = table(evaluation)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / NAME).write_text(text, "utf-8")
    return evaluation.model_copy(update={"table": text})


def _lines(evaluation: Evaluation, strategies: Sequence[str]) -> list[str]:
    lines = ["| | " + " | ".join(strategies) + " |", "|---" * (len(strategies) + 1) + "|"]
    for key, title in _titles(evaluation).items():
        found = [evaluation.metrics.get(f"{name}/{key}") for name in strategies]
        if any(found):
            lines.append(f"| {title} | " + " | ".join(_cell(key, value) for value in found) + " |")
    return lines


def _curves(metrics: Mapping[str, Metric], ways: Sequence[Way]) -> list[str]:
    """Return one line a strategy, one column a budget."""
    budgets = sorted({way.looks for way in ways if way.looks is not None})
    names = list(dict.fromkeys(way.label.partition("@")[0] for way in ways))
    lines = ["| looks | " + " | ".join(map(str, budgets)) + " |", "|---" * (len(budgets) + 1) + "|"]
    for name in names:
        cells = []
        for looks in budgets:
            right, calls = (metrics.get(f"{name}@{looks}/{key}") for key in ("right", "calls"))
            cells.append(f"{_cell('right', right)}, {calls.mean:.0f} calls" if right and calls else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _titles(evaluation: Evaluation) -> dict[str, str]:
    """Return the keys of the metrics that the table shows, with their titles, in its order."""
    groups, placements = parts_of(evaluation.rows, "group"), parts_of(evaluation.rows, "placement")
    titles = {"right": "right"}
    titles |= {f"right/{group}": f"right, {group.replace('_', ' ')}" for group in groups if len(groups) > 1}
    titles |= {f"right/at {place}": f"right, {place} placement" for place in placements}
    titles |= {"of oracle": "accuracy, of the oracle's"}
    titles |= {key: key for key in ("precision", "recall", "f1", "yes")}
    titles |= {"found": "found (IoU > 0.5)"}
    titles |= {f"found/at {place}": f"found, {place} placement" for place in placements}
    titles |= {"invented": "invented", "path": "visits until found", "calls": "calls"}
    titles |= {f"calls/at {place}": f"calls, {place} placement" for place in placements}
    titles |= {"calls of grid": "calls, of the full scan's"}
    titles |= {
        f"calls of grid/at {place}": f"calls, of the scan's, {place} placement" for place in placements
    }
    titles |= {f"right within {most}": f"right within {most} calls" for most in WITHIN}
    titles["seconds"] = "seconds"
    return titles


def _cell(key: str, value: Metric | None) -> str:
    if value is None or value.n == 0:
        return ""
    if key.partition("/")[0] in COUNTS:
        return f"{value.mean:.1f} ({value.low:.1f}-{value.high:.1f})"
    return f"{100 * value.mean:.1f} ({100 * value.low:.0f}-{100 * value.high:.0f})"


def _points(value: Metric) -> str:
    return f"{100 * value.mean:+.1f} ({100 * value.low:+.1f} to {100 * value.high:+.1f})"
