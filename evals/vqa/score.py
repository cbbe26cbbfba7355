"""From rows to metrics: accuracy, what was found, what it took, and how strategies compare on the same items."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from agentkit.contracts.evaluation import Metric

from ..intervals import average, paired_difference, paired_ratio, proportion
from ..rows import Row
from .play import HIT
from .ways import ORACLE

GRID = "grid"
# Calls for which is said what share of items was answered right within them.
WITHIN = (5, 10, 20, 40, 80, 160, 320)


def metrics_of(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return the metrics of every strategy S of some rows.

    ``S/right``, also by folder or category, by kind, and by placement (``S/right/at PLACEMENT``): share of right
    answers. ``S/found``: share of (item, target) pairs with a region that overlaps the target's box by more than half
    (IoU); ``S/found/at PLACEMENT``. ``S/invented``: share of items without a target for which a region is given all
    the same. ``S/path``: mean regions visited until a target was found, over the found ones. ``S/calls`` (also
    ``/at PLACEMENT``): mean image-text pairs through the model. ``S/seconds``.

    ``S/of oracle`` (also by part): accuracy as a share of the oracle's. ``S/calls of grid`` (also ``/at PLACEMENT``):
    calls as a share of the full scan's. ``S/right within C``: share of items that were answered right, and with at most C
    calls: the curve of accuracy against calls, from whole runs. ``S - T``: paired difference of accuracies of two strategies that search.
    """
    metrics: dict[str, Metric] = {}
    strategies = list(dict.fromkeys(row["strategy"] for row in rows))
    of = {name: [row for row in rows if row["strategy"] == name] for name in strategies}
    for name in strategies:
        metrics |= {f"{name}/{key}": value for key, value in _alone(of[name]).items()}
        if ORACLE in of and name != ORACLE:
            metrics |= _against(
                f"{name}/of {ORACLE}", of[name], of[ORACLE], lambda row: row["right"], "group"
            )
        if GRID in of and name not in (GRID, ORACLE):
            metrics |= _against(
                f"{name}/calls of {GRID}", of[name], of[GRID], lambda row: row["calls"], "placement"
            )
    searching = [name for name in strategies if name not in ("direct", ORACLE) and "@" not in name]
    for one, other in itertools.combinations(searching, 2):
        after, before = _paired(of[one], of[other])
        values = [[float(row["right"]) for row in side] for side in (after, before)]
        metrics[f"{one} - {other}"] = paired_difference(values[0], values[1])
    return metrics


def parts_of(rows: Iterable[Row], column: str) -> list[str]:
    """Return the values of a column, without the empty one."""
    return sorted({row[column] for row in rows if row[column]})


def _alone(rows: Sequence[Row]) -> dict[str, Metric]:
    found = {"right": _right(rows)}
    for column in ("group", "kind"):
        found |= {f"right/{part}": _right(_of(rows, column, part)) for part in parts_of(rows, column)}
    placements = parts_of(rows, "placement")
    found |= {f"right/at {part}": _right(_of(rows, "placement", part)) for part in placements}
    if any(row["overlaps"] is not None for row in rows):
        found |= _search(rows, placements)
    found["calls"] = average([row["calls"] for row in rows])
    found |= {f"calls/at {p}": average([r["calls"] for r in _of(rows, "placement", p)]) for p in placements}
    if any(row["overlaps"] is not None for row in rows):
        found |= {f"right within {most}": _right_within(rows, most) for most in WITHIN}
    found["seconds"] = average([row["seconds"] for row in rows])
    return found


def _search(rows: Sequence[Row], placements: Sequence[str]) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    if any(row["targets"] for row in rows):
        found["found"] = _hits(rows)
        marked = [part for part in placements if any(row["targets"] for row in _of(rows, "placement", part))]
        found |= {f"found/at {part}": _hits(_of(rows, "placement", part)) for part in marked}
        found["path"] = average([p for row in rows for p, hit in _pairs(row) if hit and p is not None])
    # Where a benchmark marks targets, an item without one asks for what is not there.
    empty = [row for row in rows if not row["targets"]]
    if empty and len(empty) < len(rows):
        found["invented"] = proportion(sum(row["regions"] > 0 for row in empty), len(empty))
    return found


def _right(rows: Sequence[Row]) -> Metric:
    return proportion(sum(row["right"] for row in rows), len(rows))


def _right_within(rows: Sequence[Row], calls: int) -> Metric:
    return proportion(sum(row["right"] and row["calls"] <= calls for row in rows), len(rows))


def _hits(rows: Iterable[Row]) -> Metric:
    hits = [hit for row in rows for _, hit in _pairs(row)]
    return proportion(sum(hits), len(hits))


def _pairs(row: Row) -> list[tuple[int | None, bool]]:
    """Return, for each target of an item, the visits and whether it was found."""
    return [(path, overlap > HIT) for path, overlap in zip(row["paths"], row["overlaps"], strict=True)]


def _against(
    name: str, after: Sequence[Row], before: Sequence[Row], value: Callable[[Row], float], column: str
) -> dict[str, Metric]:
    """Return the ratio of two strategies over the items that both have, over all and by the parts of a column."""
    after, before = _paired(after, before)
    found = {name: paired_ratio([value(row) for row in after], [value(row) for row in before])}
    for part in parts_of(after, column):
        sides = [[float(value(row)) for row in _of(side, column, part)] for side in (after, before)]
        label = f"{name}/at {part}" if column == "placement" else f"{name}/{part}"
        found[label] = paired_ratio(sides[0], sides[1])
    return found


def _paired(after: Sequence[Row], before: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    others = {row["item"]: row for row in before}
    both = [row for row in after if row["item"] in others]
    return both, [others[row["item"]] for row in both]


def _of(rows: Iterable[Row], column: str, part: str) -> list[Row]:
    return [row for row in rows if row[column] == part]
