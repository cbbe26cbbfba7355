"""What is counted: instructions followed, answers that follow all of theirs, and what an arm brings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from agentkit.contracts.evaluation import Metric

from ..intervals import average, paired_difference
from ..rows import Row


def metrics_of(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return per arm: ``pif``, ``pif-N-K`` and ``answered``, and the paired differences to the first arm.

    ``pif``: of the instructions that hold in a turn, the share that its reply follows (programmatic instruction
    following, MMMT-IF section 4), a mean over the turns in which any holds. ``pif-N-K``: the share of these turns in
    which at least K of N replies follow all. ``answered``: the share of all replies that also hold the fact. Each is
    a mean over dialogues, which intervals resample whole.
    """
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    samples = max((row["sample"] for row in rows), default=0) + 1
    found: dict[str, Metric] = {}
    values: dict[str, dict[str, list[float]]] = {}
    for arm in arms:
        mine = [row for row in rows if row["arm"] == arm]
        values[arm] = _by_dialogue(mine, samples)
        found |= {f"{arm}/{name}": average(each) for name, each in values[arm].items()}
    for arm in arms[1:]:
        for name, each in values[arm].items():
            before = values[arms[0]][name]
            if len(each) == len(before):
                found[f"{arm}-{arms[0]}/{name}"] = paired_difference(each, before)
    return found


def _by_dialogue(rows: Sequence[Row], samples: int) -> dict[str, list[float]]:
    """Return each measure's value a dialogue, in the order of seeds."""
    found: dict[str, list[float]] = defaultdict(list)
    for seed in sorted({row["seed"] for row in rows}):
        mine = [row for row in rows if row["seed"] == seed]
        turns: dict[int, list[float]] = defaultdict(list)
        for row in mine:
            if row["rules"]:
                turns[row["turn"]].append(row["followed"] / row["rules"])
        found["pif"].append(_mean([value for each in turns.values() for value in each]))
        for least in range(1, samples + 1):
            robust = [float(sum(value == 1 for value in each) >= least) for each in turns.values()]
            found[f"pif-{samples}-{least}"].append(_mean(robust))
        found["answered"].append(_mean([float(row["answered"]) for row in mine]))
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def table_of(metrics: dict[str, Metric]) -> str:
    """Return the metrics as a Markdown table."""
    lines = ["| | mean | 95 % | dialogues |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {value.mean:.3f} | {value.low:.3f} to {value.high:.3f} | {value.n} |"
        for name, value in metrics.items()
    ]
    return "\n".join(lines)
