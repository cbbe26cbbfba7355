"""The research benchmark: arms side by side on the same questions, resumable, every number with its interval."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.contracts.result import Result
from agentkit.errors import UsageError
from agentkit.runtime.cast import Cast

from ...agents.research import ResearchAgent
from ...tools.retrieval import Source
from ..intervals import average, paired_difference, proportion
from ..keep import keep
from ..rows import Rows
from . import corpus
from .kept import check_alike
from .metrics import exact, f1, ndcg_at, recall_at
from .questions import Item, questions
from .reward import reward, turns_of

SUBSET = 60
BASELINE = "two steps"
KEY = ("arm", "seed")


@dataclass(frozen=True)
class Arm:
    """One way to answer; ``options`` are those of ``ResearchAgent``."""

    name: str
    options: dict[str, Any]


ARMS = (
    Arm("no retrieval", {"strategy": "none", "critic": "none", "write": "never"}),
    Arm(BASELINE, {"strategy": "two_step", "critic": "none", "write": "never"}),
    Arm("planner", {"strategy": "plan", "critic": "none", "write": "never"}),
    Arm("planner and critic", {"strategy": "plan", "critic": "trained", "write": "never"}),
)
# Asked for by name: the model writes the plan itself, which takes a model that can.
WRITTEN = Arm("written planner", {"strategy": "plan", "critic": "none", "write": "always"})


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    family: Sequence[str] | None = None,
    items: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """``agentkit eval research``: ``items`` questions (60 of the 300 unless said else) in the arms of ``family``.

    With ``out`` the corpus is indexed there once and every row is kept as it comes: the same command goes on where it
    was stopped.
    """
    known = [*ARMS, WRITTEN]
    arms = [arm for arm in known if arm.name in family] if family else list(ARMS)
    if len(arms) < len(set(family or ())):
        raise UsageError(f"there is no such arm among {family}", mend=", ".join(arm.name for arm in known))
    folder = out if out is not None else Path(settings.runs) / "research-benchmark"
    rows = await run(settings, folder, arms, questions(items or SUBSET), say=say)
    found = Evaluation(
        name="research",
        model=model_of(settings),
        items=items or SUBSET,
        metrics=(metrics := summary(rows)),
        rows=rows,
        table=table(metrics),
    )
    return keep(found, out)


def model_of(settings: Settings) -> str:
    """Return the reference of the model that decides."""
    return settings.decide or settings.model or "smollm2"


def table(metrics: Mapping[str, Metric]) -> str:
    """Return metrics named ``arm/metric`` as a Markdown table, an arm a column."""
    arms = list(dict.fromkeys(name.partition("/")[0] for name in metrics))
    names = list(dict.fromkeys(name.partition("/")[2] for name in metrics))
    lines = ["| | " + " | ".join(arms) + " |", "|---" * (len(arms) + 1) + "|"]
    for name in names:
        cells = [_cell(metrics.get(f"{arm}/{name}")) for arm in arms]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return ""
    digits = 0 if metric.mean >= 100 else 1 if metric.mean >= 10 else 2
    mean, low, high = (f"{value:.{digits}f}" for value in (metric.mean, metric.low, metric.high))
    return f"{mean} ({low} to {high})"


async def run(
    settings: Settings,
    folder: Path,
    arms: Sequence[Arm],
    asked: Sequence[Item],
    *,
    say: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Return a row an arm and question; rows that ``folder`` has already are not made again."""
    kept, model = Rows(folder, KEY), model_of(settings)
    check_alike(kept, model=model)
    # Arms take turns: a run that is stopped has the same questions in all of them.
    wanted = [(arm, item) for item in asked for arm in arms]
    left = [(arm, item) for arm, item in wanted if kept.find({"arm": arm.name, "seed": item.seed}) is None]
    if left:
        index = await corpus.build(folder / "index", say)
        cast = Cast(settings)
        try:
            for number, (arm, item) in enumerate(left, start=1):
                row = await run_item(
                    arm, item, [index], settings.model_copy(update={"runs": folder / "runs"}), cast
                )
                kept.add([row | {"model": model}])
                say(
                    f"{number} of {len(left)}: {arm.name}, {item.family}: {row['f1']:.2f} in {row['seconds']:.1f} s"
                )
        finally:
            await cast.aclose()
            index.close()
    found = (kept.find({"arm": arm.name, "seed": item.seed}) for arm, item in wanted)
    return [row for row in found if row is not None]


async def run_item(
    arm: Arm, item: Item, sources: Sequence[Source], settings: Settings, cast: Cast
) -> dict[str, Any]:
    """Return the row of one question in one arm."""
    agent = ResearchAgent(sources=sources, settings=settings, cast=cast, **arm.options)
    images = [item.picture] if item.picture is not None else []
    start = time.perf_counter()
    result = await agent.arun(item.question, images=images)
    return score(item, result) | {"arm": arm.name, "seconds": time.perf_counter() - start}


def score(item: Item, result: Result) -> dict[str, Any]:
    """Return what a result is worth: answer, refusal, sources, searches."""
    output: dict[str, Any] = result.output if isinstance(result.output, dict) else {}
    short = output.get("short")
    chain = output.get("chain", [])
    found = list(dict.fromkeys(name for step in chain for name in step["documents"]))
    missing = " ".join(output.get("missing", [])) + " " + (result.answer or "")
    marked = [bool(line["sources"] or line["mark"]) for line in output.get("sentences", [])]
    return {
        "seed": item.seed,
        "family": item.family,
        "question": item.question,
        "gold": list(item.answers),
        "short": short,
        "answer": result.answer,
        "status": result.status,
        "answerable": item.answerable,
        "new_wording": item.new_wording,
        "refused": short is None,
        "named": short is None and item.missing is not None and item.missing in missing.lower(),
        "f1": (f1(short or "", item.answers) if item.answerable else float(short is None)),
        "exact": (exact(short or "", item.answers) if item.answerable else float(short is None)),
        "sourced": all(marked),
        "searches": output.get("searches", 0),
        "would_do": item.searches,
        "recall": recall_at(found, item.documents, 20),
        "ndcg": ndcg_at(found, item.documents, 20),
        "reward": reward(turns_of(chain, short), item.answers).total if item.answerable else None,
        "calls": result.usage.calls,
        "tokens": result.usage.input_tokens + result.usage.output_tokens,
        "chain": [[step["action"], step["ask"], step["answer"]] for step in chain],
        "confidence": output.get("confidence"),
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Metric]:
    """Return the metrics by arm, and the paired differences to the two-step baseline."""
    metrics: dict[str, Metric] = {}
    by_arm = {
        name: [row for row in rows if row["arm"] == name] for name in dict.fromkeys(r["arm"] for r in rows)
    }
    for name, mine in by_arm.items():
        can = [row for row in mine if row["answerable"]]
        can_not = [row for row in mine if not row["answerable"]]
        easy = [row for row in mine if row["would_do"] <= 1 and row["answerable"]]
        metrics[f"{name}/answer F1"] = average([row["f1"] for row in can])
        for wording, is_new in (("known", False), ("new", True)):
            some = [row["f1"] for row in can if row["would_do"] and row.get("new_wording", False) == is_new]
            if some:
                metrics[f"{name}/answer F1, {wording} wording, with a search"] = average(some)
        metrics[f"{name}/exact"] = proportion(sum(row["exact"] == 1 for row in can), len(can))
        metrics[f"{name}/refused, unanswerable"] = proportion(
            sum(r["refused"] for r in can_not), len(can_not)
        )
        metrics[f"{name}/refused and missing named"] = proportion(
            sum(r["named"] for r in can_not), len(can_not)
        )
        metrics[f"{name}/refused, answerable"] = proportion(sum(r["refused"] for r in can), len(can))
        metrics[f"{name}/sourced or marked"] = proportion(sum(r["sourced"] for r in mine), len(mine))
        metrics[f"{name}/searches"] = average([row["searches"] for row in mine])
        metrics[f"{name}/searches, none or one needed"] = average([row["searches"] for row in easy])
        metrics[f"{name}/recall@20"] = average([row["recall"] for row in can if row["would_do"]])
        metrics[f"{name}/nDCG@20"] = average([row["ndcg"] for row in can if row["would_do"]])
        metrics[f"{name}/reward"] = average([row["reward"] for row in can])
        metrics[f"{name}/tokens"] = average([row["tokens"] for row in mine])
        metrics[f"{name}/seconds"] = average([row["seconds"] for row in mine])
    base = {row["seed"]: row["f1"] for row in by_arm.get(BASELINE, []) if row["answerable"]}
    for name, mine in by_arm.items():
        both = [row for row in mine if row["seed"] in base]
        if name != BASELINE and both:
            gains = paired_difference([row["f1"] for row in both], [base[row["seed"]] for row in both])
            metrics[f"{name}/F1 gain over {BASELINE}"] = gains
    return metrics
