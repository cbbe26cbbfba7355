"""The two streams of Navi-plus over episodes: when it asks and what, and what it does once it was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentkit.contracts.evaluation import Metric

from ..intervals import average, paired_difference, proportion

CLEAR = "clear"

Row = dict[str, Any]


def metrics_of(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return the metrics over rows (``task``, ``seed``, ``variant``, ``slots``, ``asked``, ``success``).

    The ASK stream. ``ask/recall``: of the values left out, the share that was asked for. ``ask/precision``: of all
    questions, the share that asked for a value left out, for the first time. ``ask/content``: the same over the
    questions of ambiguous episodes alone. ``ask/clear``: of the clear episodes, the share in which anything was asked.
    ``ask/per_slot``: questions a value left out, a mean over ambiguous episodes.

    The action stream. ``act/told``: success of the ambiguous episodes in which all that was left out was asked for and
    told. ``act/clear``: of the same tasks and seeds left clear; ``act/difference``: the paired difference of the two.
    ``act/ambiguous``: of all ambiguous episodes, however it asked.
    """
    kept = [row for row in rows if not row.get("skipped")]
    clear = [row for row in kept if row["variant"] == CLEAR]
    cut = [row for row in kept if row["variant"] != CLEAR]
    told = [row for row in cut if set(row["slots"]) <= _asked_for(row)]
    twins = {(row["task"], row["seed"]): row for row in clear}
    pairs = [(row, twins[key]) for row in told if (key := (row["task"], row["seed"])) in twins]
    found = {
        "ask/recall": _recall(cut),
        "ask/precision": proportion(sum(map(_hits, cut)), sum(len(row["asked"]) for row in kept)),
        "ask/content": proportion(sum(map(_hits, cut)), sum(len(row["asked"]) for row in cut)),
        "ask/clear": proportion(sum(bool(row["asked"]) for row in clear), len(clear)),
        "ask/per_slot": average([len(row["asked"]) / len(row["slots"]) for row in cut]),
        "act/told": _success(told),
        "act/clear": _success([clear for _, clear in pairs]),
        "act/difference": paired_difference(
            [float(row["success"]) for row, _ in pairs], [float(row["success"]) for _, row in pairs]
        ),
        "act/ambiguous": _success(cut),
        "act/all_clear": _success(clear),
    }
    for task, variant in sorted({(row["task"], row["variant"]) for row in cut}):
        found[f"ask/recall/{task}/{variant}"] = _recall(
            [row for row in cut if (row["task"], row["variant"]) == (task, variant)]
        )
    return found


def _recall(rows: Sequence[Row]) -> Metric:
    return proportion(sum(map(_hits, rows)), sum(len(row["slots"]) for row in rows))


def _asked_for(row: Row) -> set[str]:
    return {asked["slot"] for asked in row["asked"] if asked["slot"]}


def _hits(row: Row) -> int:
    return len(_asked_for(row))


def _success(rows: Sequence[Row]) -> Metric:
    return proportion(sum(bool(row["success"]) for row in rows), len(rows))
