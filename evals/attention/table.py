"""From rows to metrics, and to the table that people read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentkit.contracts.evaluation import Evaluation, Metric

from ..intervals import paired_difference, proportion
from .rows import Row

NAME = "table.md"


def metrics_of(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return the metrics of all families and methods.

    ``FAMILY.METHOD.right``: share of right answers (Wilson's interval). ``FAMILY.METHOD.gain``: mean paired difference
    to the family's first method, which is the unedited model. Both also by stratum (``....STRATUM``). What else a
    family measures (an attack's success) stands beside them as ``FAMILY.METHOD.NAME`` and ``....NAME.gain``.
    """
    metrics: dict[str, Metric] = {}
    for family in _names(rows, "family"):
        mine = [row for row in rows if row["family"] == family and "right" in row]
        methods = _names(mine, "method")
        for method in methods:
            after = [row for row in mine if row["method"] == method]
            before = [] if method == methods[0] else [row for row in mine if row["method"] == methods[0]]
            metrics |= _metrics_of_method(f"{family}.{method}", after, before)
    return metrics


def table(evaluation: Evaluation) -> str:
    """Return the Markdown table of an evaluation: one line a method, and what it was run with."""
    lines = [
        f"`agentkit bench {evaluation.name}`, {evaluation.model}. Shares in %, 95 % intervals in parentheses;"
        " gain: paired difference to the unedited model on the same items, in points.",
        "",
        "| family | model | method | items | right | gain | by stratum | parameters from |",
        "|---|---|---|---|---|---|---|---|",
    ]
    seen: set[tuple[str, str]] = set()
    for row in evaluation.rows:
        name = (row["family"], row["method"])
        if name not in seen:
            seen.add(name)
            lines.append(_line(evaluation, row))
    return "\n".join(lines) + "\n"


def keep_table(evaluation: Evaluation, out: Path | None) -> Evaluation:
    """Write the table into ``out`` and return the evaluation; None keeps nothing."""
    if out is not None:
        (out / NAME).write_text(table(evaluation), "utf-8")
    return evaluation


def _line(evaluation: Evaluation, row: Row) -> str:
    family, method = row["family"], row["method"]
    if "unsupported" in row:
        return f"| {family} | {row['model']} | {method} | 0 | not on this model: {row['unsupported']} | | | |"
    start, metrics = f"{family}.{method}.", evaluation.metrics
    right, gain = metrics[start + "right"], metrics.get(start + "gain")
    more = [
        f"{name.removeprefix(start).removeprefix('right.')} {_share(value)}"
        for name, value in metrics.items()
        if name.startswith(start) and name != start + "right" and not _is_gain(name)
    ]
    cells = [family, row["model"], method, str(right.n), _share(right), "" if gain is None else _points(gain)]
    return "| " + " | ".join([*cells, "; ".join(more), row["note"]]) + " |"


def _metrics_of_method(name: str, after: Sequence[Row], before: Sequence[Row]) -> dict[str, Metric]:
    metrics = _measure(f"{name}.right", f"{name}.gain", _values(after), _values(before))
    for stratum in filter(None, _names(after, "stratum")):
        inside = [_values([row for row in rows if row["stratum"] == stratum]) for rows in (after, before)]
        metrics |= _measure(f"{name}.right.{stratum}", f"{name}.gain.{stratum}", *inside)
    for also in dict.fromkeys(measure for row in after for measure in row["also"]):
        both = [
            {row["seed"]: row["also"][also] for row in rows if also in row["also"]}
            for rows in (after, before)
        ]
        metrics |= _measure(f"{name}.{also}", f"{name}.{also}.gain", *both)
    return metrics


def _values(rows: Sequence[Row]) -> dict[int, bool]:
    return {row["seed"]: row["right"] for row in rows}


def _measure(share: str, gain: str, after: dict[int, bool], before: dict[int, bool]) -> dict[str, Metric]:
    """Return the share of a measure and its paired difference, from values by seed."""
    metrics = {share: proportion(sum(after.values()), len(after))}
    both = [seed for seed in before if seed in after]
    if both:
        metrics[gain] = paired_difference([after[seed] for seed in both], [before[seed] for seed in both])
    return metrics


def _names(rows: Sequence[Row], field: str) -> list[str]:
    return list(dict.fromkeys(row[field] for row in rows))


def _is_gain(name: str) -> bool:
    return "gain" in name.split(".")[2:]


def _share(value: Metric) -> str:
    return f"{value.mean:.0%} ({value.low * 100:.0f}-{value.high * 100:.0f})".replace("%", "")


def _points(value: Metric) -> str:
    return f"{value.mean * 100:+.0f} ({value.low * 100:+.0f} to {value.high * 100:+.0f})"
