"""Visual search on generated scenes: strategies side by side on the same questions.

    python -m agentkit.evals.search --seeds 10000:10040 [--strategies direct,grid,vstar] [--out rows.jsonl]

Seeds from 10000 to 19999 are for tuning, 1 to 9999 for evaluation. ``agentkit eval search`` runs a small one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentkit.config import Settings
from agentkit.content import Box, Image
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.models import Model

from ..agents.search import VisualSearchAgent
from .intervals import average, proportion
from .scenes import Scene, SceneObject, large_scene
from .scenes.vocabulary import COLOURS, SHAPES

STRATEGIES = ("direct", "grid", "vstar")
SIZE = (4800, 3200)
HIT = 0.5


@dataclass(frozen=True)
class Item:
    """A question about the target of a scene. ``box``: pixels, left-top-right-bottom. ``at_host``: at its host."""

    seed: int
    kind: str
    question: str
    answer: str
    options: tuple[str, ...]
    box: Box
    at_host: bool


def make_scene(seed: int, size: tuple[int, int] = SIZE, *, split: str = "train") -> Scene:
    """Return the large scene of a seed: one target of 0.02 to 0.1 % of the area, distractors, hosts, clutter."""
    return large_scene(np.random.default_rng(seed), *size, split=split)


def make_item(seed: int, scene: Scene) -> Item:
    """Return the question of a scene: colour or shape where that alone names the target, else what is written on it.

    Where neither the colour nor the shape is unique and nothing is written on the target, the question is whether
    the target is there (always yes). Four options, or yes and no.
    """
    target, others = scene.objects[0], scene.objects[1:]
    rng = np.random.default_rng([seed, 1])
    kind, thing, answer, pool = _question(target, others, rng)
    wrong = [word for word in pool if word != answer]
    options = [answer, *(wrong[int(i)] for i in rng.permutation(len(wrong))[:3])]
    shuffled = tuple(options[int(i)] for i in rng.permutation(len(options)))
    text = {
        "colour": f"what colour is the {thing}?",
        "shape": f"what shape is the {thing}?",
        "glyph": f"what is written on the {thing}?",
        "exists": f"is there {'an' if thing[0] in 'aeiou' else 'a'} {thing}?",
    }[kind]
    return Item(seed, kind, text, answer, shuffled, Box(*target.box), target.host is not None)


def make_absent(seed: int, scene: Scene) -> Item:
    """Return a question about a thing that is not in the scene, though its colour or its shape may be."""
    rng = np.random.default_rng([seed, 2])
    present = {thing.name for thing in scene.objects}
    names = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
    absent = [name for name in names if name not in present]
    name = absent[int(rng.integers(len(absent)))]
    text = f"is there {'an' if name[0] in 'aeiou' else 'a'} {name}?"
    return Item(seed, "absent", text, "no", ("yes", "no"), Box(0, 0, 0, 0), False)


def _question(
    target: SceneObject, others: Sequence[SceneObject], rng: np.random.Generator
) -> tuple[str, str, str, Sequence[str]]:
    possible: list[tuple[str, str, str, Sequence[str]]] = []
    if all(other.shape != target.shape for other in others):
        possible.append(("colour", target.shape, target.colour, COLOURS))
    if all(other.colour != target.colour for other in others):
        possible.append(("shape", f"{target.colour} object", target.shape, SHAPES))
    if target.glyph is not None:
        pool = "cefhklmprtxy" if target.glyph.isalpha() else "123456789"
        possible.append(("glyph", target.name, target.glyph, tuple(pool)))
    if not possible:
        return "exists", target.name, "yes", ("yes", "no")
    return possible[int(rng.integers(len(possible)))]


async def run_item(
    model: str | Model | None, item: Item, image: Image, strategy: str, *, options: bool, settings: Settings
) -> dict[str, Any]:
    """Return the row of one item under one strategy."""
    agent = VisualSearchAgent(model, strategy=strategy, settings=settings)
    start = time.perf_counter()
    given = list(item.options) if options else []
    result = await agent.arun(item.question, images=[image], options=given)
    boxes = [Box(*region.box) for region in result.evidence if region.box is not None]
    overlap = max((box.iou(item.box) for box in boxes), default=0.0)
    return {
        "seed": item.seed,
        "strategy": strategy,
        "kind": item.kind,
        "at_host": item.at_host,
        "question": item.question,
        "gold": item.answer,
        "answer": result.answer,
        "right": result.answer == item.answer,
        "hit": overlap > HIT,
        "iou": round(overlap, 3),
        "claimed": bool(boxes) if strategy != "direct" else None,
        "calls": result.usage.calls,
        "seconds": round(time.perf_counter() - start, 2),
        "status": result.status,
    }


async def run(
    model: str | Model | None,
    seeds: Iterable[int],
    strategies: Sequence[str] = STRATEGIES,
    *,
    size: tuple[int, int] = SIZE,
    options: bool = False,
    split: str = "train",
    absent: bool = False,
    settings: Settings | None = None,
    out: Path | None = None,
) -> list[dict[str, Any]]:
    """Return one row an item and strategy; ``out`` gets them as JSON lines while they are made."""
    base = settings or Settings.load()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        here = base.model_copy(update={"runs": Path(folder)})
        for seed in seeds:
            scene = make_scene(seed, size, split=split)
            item = (make_absent if absent else make_item)(seed, scene)
            image = Image.of_pixels(scene.image)
            for strategy in strategies:
                row = await run_item(model, item, image, strategy, options=options, settings=here)
                rows.append(row)
                if out is not None:
                    with out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Metric]:
    """Return, per strategy: share right, share found (IoU > 0.5), mean calls, mean seconds; by placement too."""
    metrics: dict[str, Metric] = {}
    for strategy in dict.fromkeys(row["strategy"] for row in rows):
        mine = [row for row in rows if row["strategy"] == strategy]
        metrics[f"{strategy}/right"] = proportion(sum(row["right"] for row in mine), len(mine))
        if strategy == "direct":
            continue
        metrics[f"{strategy}/found"] = proportion(sum(row["hit"] for row in mine), len(mine))
        for name, placed in (("at_host", True), ("anywhere", False)):
            some = [row for row in mine if row["at_host"] is placed]
            metrics[f"{strategy}/found/{name}"] = proportion(sum(row["hit"] for row in some), len(some))
            metrics[f"{strategy}/calls/{name}"] = average([row["calls"] for row in some])
        metrics[f"{strategy}/calls"] = average([row["calls"] for row in mine])
        metrics[f"{strategy}/seconds"] = average([row["seconds"] for row in mine])
    return metrics


async def evaluate(settings: Settings, out: Path | None) -> Evaluation:
    """``agentkit eval search``: twenty tuning scenes, all strategies."""
    rows = await run(
        None, range(10_000, 10_020), settings=settings, out=None if out is None else out / "rows.jsonl"
    )
    return Evaluation(
        name="search",
        model=settings.see or settings.model or "mini",
        items=len(rows) // len(STRATEGIES),
        metrics=summary(rows),
        rows=rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="10000:10040", help="first:end")
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--model", default=None)
    parser.add_argument("--size", default="4800x3200")
    parser.add_argument("--options", action="store_true", help="choose among four options, by likelihood")
    parser.add_argument("--absent", action="store_true", help="ask for things that are not there")
    parser.add_argument("--split", default="train", help="photographs: train or eval")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    first, _, end = given.seeds.partition(":")
    width, _, height = given.size.partition("x")
    work = run(
        given.model,
        range(int(first), int(end)),
        given.strategies.split(","),
        size=(int(width), int(height)),
        options=given.options,
        split=given.split,
        absent=given.absent,
        out=given.out,
    )
    for name, value in summary(asyncio.run(work)).items():
        print(f"{name:28} {value.mean:7.3f} [{value.low:.3f}, {value.high:.3f}] n={value.n}")


if __name__ == "__main__":
    main()
