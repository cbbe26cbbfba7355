"""Self-practice for the critic (SIM-RAG): roll-outs that never stop early, every round's draft labelled right or wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.errors import UsageError
from agentkit.models import Model
from agentkit.runtime.cast import Cast
from agentkit.version import VERSION

from ...agents.research import ResearchAgent, TrainedCritic
from ...agents.research.critic import Draft, fit
from ...agents.research.features import NAMES
from ...tools.retrieval import Source
from ..intervals import proportion
from ..keep import keep
from ..rows import Rows
from . import corpus
from .kept import check_alike
from .metrics import auroc, f1
from .questions import Item, questions
from .run import model_of

# Seeds of questions: to fit on, to choose the thresholds by, to measure on after training, and of the evaluation.
TRAIN, TUNE, HELD_OUT, TEST = 100_000, 10_000, 15_000, 1
# A draft is right from this F1 on.
RIGHT = 0.8
# The share of the tuning questions without an answer that is to be refused.
REFUSED = 0.88
ROUNDS = 150


@dataclass(frozen=True)
class Unsatisfied:
    """A critic for whom nothing is ever enough: roll-outs go on to their end."""

    accept: float = 2.0
    refuse: float = 0.0
    reference: str = "unsatisfied"

    async def judge(self, model: Model, draft: Draft) -> float:
        return 0.0


async def roll_out(
    settings: Settings,
    folder: Path,
    asked: Sequence[Item],
    say: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Return a row a question and round: the features of its draft, and whether it is right.

    A draft for a question that has no answer is never right. Rows that ``folder`` has already are not made again.
    """
    kept = Rows(folder, ("seed", "round"), name="practice.jsonl")
    check_alike(kept, model=model_of(settings))
    done = {row["seed"] for row in kept}
    left = [item for item in asked if item.seed not in done]
    if left:
        index = await corpus.build(folder / "index", say)
        cast = Cast(settings)
        here = settings.model_copy(update={"runs": folder / "runs"})
        try:
            for number, item in enumerate(left, start=1):
                kept.add(await _practise(item, [index], here, cast))
                if number % 10 == 0 or number == len(left):
                    say(f"{number} of {len(left)} questions")
        finally:
            await cast.aclose()
            index.close()
    by_seed = {item.seed: item for item in asked}
    return [
        row
        | {
            "right": _is_right(row["draft"], by_seed[row["seed"]]),
            "answerable": by_seed[row["seed"]].answerable,
        }
        for row in kept
        if row["seed"] in by_seed
    ]


async def train(
    settings: Settings,
    out: Path,
    *,
    items: int = ROUNDS,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Practise on training seeds, fit a critic, choose its thresholds on tuning seeds, and write it to ``out``.

    Return how good it is on tuning seeds that neither saw. ``folder`` keeps the roll-outs, so that practice that was stopped goes on.
    """
    work = folder or Path(settings.runs) / "critic-practice"
    rows = [row for row in await roll_out(settings, work, questions(items, TRAIN), say) if row["draft"]]
    if len({row["right"] for row in rows}) < 2:
        raise UsageError("practice gave drafts of one kind only", mend="more --items")
    weights, bias, mean, spread = fit([r["features"] for r in rows], [r["right"] for r in rows], NAMES)
    critic = TrainedCritic(NAMES, tuple(weights), bias, tuple(mean), tuple(spread))
    more = max(items // 3, 30)
    tuned = await roll_out(settings, work, questions(more, TUNE), say)
    critic = _with_thresholds(critic, tuned)
    found = measure(
        critic, await roll_out(settings, work, questions(more, HELD_OUT), say), "critic", settings
    )
    about = {
        "practice": f"{len(rows)} drafts of {items} questions from seed {TRAIN}",
        "thresholds": f"refuses at least {REFUSED} of the questions without an answer among {more} from seed {TUNE}",
        "model": model_of(settings),
        "version": VERSION,
        "auroc": round(found.metrics["AUROC"].mean, 3),
        "measured": f"{found.items} questions from seed {HELD_OUT}",
    }
    replace(critic, about=about).save(out)
    return found.model_copy(update={"run": str(out)})


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    items: int | None = None,
    critic: Path | None = None,
    folder: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """``agentkit critic eval``: AUROC of a critic (the shipped one) on the drafts of held-out questions."""
    measured = TrainedCritic.load(critic)
    work = folder or out or Path(settings.runs) / "critic-practice"
    rows = await roll_out(settings, work, questions(items or 60, TEST), say)
    return keep(measure(measured, rows, "critic", settings), out)


def measure(
    critic: TrainedCritic, rows: Sequence[dict[str, Any]], name: str, settings: Settings
) -> Evaluation:
    """Return AUROC with its interval (bootstrap over questions, whose rounds belong together), and the refusals."""
    drafts = [row for row in rows if row["draft"]]
    scores = [critic.probability(row["features"]) for row in drafts]
    right = [row["right"] for row in drafts]
    seeds = [row["seed"] for row in drafts]
    metrics = {"AUROC": _auroc_interval(scores, right, seeds)}
    last = {row["seed"]: (row, score) for row, score in zip(drafts, scores, strict=True)}
    finals = list(last.values())
    metrics["AUROC, last round"] = _auroc_interval(
        [score for _, score in finals],
        [row["right"] for row, _ in finals],
        [row["seed"] for row, _ in finals],
    )
    every = {row["seed"]: row for row in rows}
    refused = {
        seed: not row["draft"] or critic.probability(row["features"]) < critic.refuse
        for seed, row in every.items()
    }
    for name_, answerable in (("refused, unanswerable", False), ("refused, answerable", True)):
        some = [refused[seed] for seed, row in every.items() if row.get("answerable", True) == answerable]
        if some:
            metrics[name_] = proportion(sum(some), len(some))
    kept = [
        {
            "seed": row["seed"],
            "round": row["round"],
            "draft": row["draft"],
            "right": row["right"],
            "score": score,
        }
        for row, score in zip(drafts, scores, strict=True)
    ]
    model = model_of(settings)
    return Evaluation(name=name, model=model, items=len(set(seeds)), metrics=metrics, rows=kept)


async def _practise(
    item: Item, sources: Sequence[Source], settings: Settings, cast: Cast
) -> list[dict[str, Any]]:
    agent = ResearchAgent(sources=sources, critic=Unsatisfied(), settings=settings, cast=cast)
    result = await agent.arun(item.question, images=[item.picture] if item.picture is not None else [])
    output: Any = result.output
    rows = []
    for judged in output.get("judgements", []):
        draft = judged["draft"]
        rows.append(
            {
                "seed": item.seed,
                "family": item.family,
                "round": judged["round"],
                "draft": draft,
                "features": judged["features"],
                "model": model_of(settings),
            }
        )
    return rows


def _is_right(draft: str | None, item: Item) -> bool:
    return bool(draft) and item.answerable and f1(draft or "", item.answers) >= RIGHT


def _with_thresholds(critic: TrainedCritic, rows: Sequence[dict[str, Any]]) -> TrainedCritic:
    """Return the critic with its thresholds, from the last drafts of the tuning questions.

    ``accept``: the share of them that is right, which is what going on may hope for. ``refuse``: the lowest threshold
    that refuses ``REFUSED`` of the questions without an answer, in the middle between its neighbours. A question
    without any draft is refused anyway.
    """
    last = {row["seed"]: row for row in rows}
    scored = [
        (critic.probability(row["features"]) if row["draft"] else 0.0, row["right"], row["answerable"])
        for row in last.values()
    ]
    right = sum(is_right for _, is_right, _ in scored)
    none = sorted(score for score, _, answerable in scored if not answerable)
    if right in (0, len(scored)) or not none:
        raise UsageError("the last drafts of the tuning questions are of one kind only", mend="more --items")
    cut = none[math.ceil(REFUSED * len(none)) - 1]
    above = min((score for score, _, _ in scored if score > cut), default=1.0)
    return replace(critic, accept=round(right / len(scored), 3), refuse=round((cut + above) / 2, 3))


def _auroc_interval(scores: Sequence[float], right: Sequence[bool], groups: Sequence[int]) -> Metric:
    """Return AUROC with the percentile interval of 1,000 resamples of whole groups."""
    names = sorted(set(groups))
    rows = {name: [i for i, group in enumerate(groups) if group == name] for name in names}
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(1000):
        picked = [i for name in rng.choice(names, len(names)) for i in rows[int(name)]] if names else []
        samples.append(auroc([scores[i] for i in picked], [right[i] for i in picked]))
    low, high = np.percentile(samples, [2.5, 97.5])
    return Metric(mean=auroc(scores, right), low=float(low), high=float(high), n=len(names))
