"""The table that people read: one line a strategy, on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agentkit.contracts.evaluation import Evaluation, Metric

from .score import parts_of

NAME = "table.md"


def table(evaluation: Evaluation, note: str = "") -> str:
    """Return the Markdown tables of an evaluation: strategies, and, if any were run with one, budgets of looks."""
    strategies = list(dict.fromkeys(row["strategy"] for row in evaluation.rows))
    whole = [name for name in strategies if "@" not in name]
    limited = [name for name in strategies if "@" in name]
    lines = [
        f"{evaluation.name}, {evaluation.model}, {evaluation.items} items. Shares in %; 95 % intervals in"
        f" parentheses.{' ' + note if note else ''}",
        "",
        *_lines(evaluation, whole),
    ]
    if limited:
        lines += [
            "",
            "Accuracy against calls (`strategy@looks`):",
            "",
            *_lines(evaluation, _by_calls(evaluation, limited)),
        ]
    compared = {name: value for name, value in evaluation.metrics.items() if " - " in name}
    if compared:
        lines += [
            "",
            "Paired differences of accuracy, in points: "
            + "; ".join(
                f"{name} {100 * value.mean:+.1f} ({100 * value.low:+.1f} to {100 * value.high:+.1f})"
                for name, value in compared.items()
            )
            + ".",
        ]
    return "\n".join(lines) + "\n"


def keep_table(evaluation: Evaluation, out: Path | None) -> Evaluation:
    """Return the evaluation with its table, written into ``out`` too."""
    text = table(evaluation)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / NAME).write_text(text, "utf-8")
    return evaluation.model_copy(update={"table": text})


def _by_calls(evaluation: Evaluation, names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: (name.partition("@")[0], int(name.partition("@")[2])))


def _lines(evaluation: Evaluation, strategies: Sequence[str]) -> list[str]:
    columns = _columns(evaluation)
    shown = {
        key: title
        for key, title in columns.items()
        if any(f"{s}/{key}" in evaluation.metrics for s in strategies)
    }
    lines = ["| strategy | " + " | ".join(shown.values()) + " |", "|---" * (len(shown) + 1) + "|"]
    for name in strategies:
        cells = [_cell(key, evaluation.metrics, f"{name}/{key}") for key in shown]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _columns(evaluation: Evaluation) -> dict[str, str]:
    """Return the keys of the metrics that the table shows, with their titles."""
    groups, placements = parts_of(evaluation.rows, "group"), parts_of(evaluation.rows, "placement")
    columns = {"right": "right"}
    columns |= {f"right/{group}": group.replace("_", " ") for group in groups if len(groups) > 1}
    columns |= {f"right/at {place}": f"right, {place}" for place in placements}
    columns |= {
        "of oracle": "of the oracle's",
        "found": "found (IoU > 0.5)",
        "invented": "invented",
        "path": "visits",
    }
    columns |= {"calls": "calls", **{f"calls/at {place}": f"calls, {place}" for place in placements}}
    columns |= {"calls of grid": "of the scan's"}
    columns |= {f"calls of grid/at {place}": f"of the scan's, {place}" for place in placements}
    columns["seconds"] = "seconds"
    return columns


def _cell(key: str, metrics: Mapping[str, Metric], name: str) -> str:
    if name not in metrics:
        return ""
    value = metrics[name]
    plain = key in ("path", "seconds", "calls") or key.startswith("calls/")
    if plain:
        return f"{value.mean:.1f} ({value.low:.1f}-{value.high:.1f})"
    return f"{100 * value.mean:.1f} ({100 * value.low:.0f}-{100 * value.high:.0f})"
