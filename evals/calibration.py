"""``agentkit eval calibration``: fits a model's yes and no to the truth, on crops of generated scenes.

V*'s thresholds are on mask logits; ours are on the log-odds of "is there a red star?", so those must mean what they
say. Half of the crops fit an offset and a temperature (Platt, "Probabilistic outputs for support vector machines",
1999), the other half measures them. Tuning seeds and training photographs alone are used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from agentkit.config import Settings
from agentkit.content import Image
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.models import load_model
from agentkit.models.base import Model
from agentkit.models.card import VisionCard

from ..agents.search.eyes import Eyes
from .intervals import average, proportion
from .keep import keep
from .scenes import crop_scene
from .scenes.vocabulary import COLOURS, SHAPES

ITEMS, FIRST_SEED, BINS = 300, 12_000, 10
CARD = "card.json"


@dataclass(frozen=True)
class Said:
    """The log-odds that a model gives to a thing in a crop, and whether the thing is there."""

    odds: float
    true: bool


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    items: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Calibrate the model that sees; ``out`` gets its card with the fitted numbers. ``items``: how many crops."""
    reference = settings.see or settings.model or "mini"
    model = load_model(reference, settings)
    raw = replace(model.card, offset=0.0, temperature=1.0)
    try:
        said = await listen(model, raw, items or ITEMS, say)
    finally:
        await model.aclose()
    fit, held = said[: len(said) // 2], said[len(said) // 2 :]
    offset, temperature = platt([s.odds for s in fit], [s.true for s in fit])
    card = replace(model.card, offset=round(offset, 4), temperature=round(temperature, 4))
    if out is not None:
        _write(card, out)
    before, after = errors(held, raw), errors(held, card)
    found = Evaluation(
        name="calibration",
        model=reference,
        items=len(said),
        metrics={
            "right": proportion(sum((s.odds > offset) == s.true for s in held), len(held)),
            "error before": before,
            "error": after,
        }
        if held
        else {},
        rows=[{"offset": card.offset, "temperature": card.temperature}],
    )
    return keep(found, out)


def _write(card: VisionCard, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).write_text(json.dumps(asdict(card), indent=1) + "\n", "utf-8")


async def listen(model: Model, card: VisionCard, items: int, say: Callable[[str], None]) -> list[Said]:
    """Ask about a thing that is there and one that is not, in each crop that shows something."""
    said: list[Said] = []
    seed = FIRST_SEED
    while len(said) < items:
        rng = np.random.default_rng(seed)
        seed += 1
        scene = crop_scene(rng)
        there = [thing.name for thing in scene.objects if thing.seen]
        names = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
        absent = [name for name in names if name not in {thing.name for thing in scene.objects}]
        if not there:
            continue
        image = Image.of_pixels(scene.image)
        eyes = Eyes(model, image)
        eyes.card = card
        for name, true in (
            (there[int(rng.integers(len(there)))], True),
            (absent[int(rng.integers(len(absent)))], False),
        ):
            (odds,) = await eyes.exists([image.box], name)
            said.append(Said(odds, true))
        if len(said) % 50 == 0:
            say(f"{len(said)} of {items} questions")
    return said[:items]


def platt(odds: Sequence[float], truths: Sequence[bool], *, steps: int = 100) -> tuple[float, float]:
    """Return the offset and the temperature that make log-odds those of the truth, by Newton's method.

    Targets are smoothed as Platt does, so that a model that is never wrong keeps a finite certainty; a model whose
    odds say nothing gets a high temperature, never a negative one.
    """
    x, y = np.asarray(odds, dtype=float), np.asarray(truths, dtype=float)
    yes, no = y.sum(), (1 - y).sum()
    y = np.where(y > 0, (yes + 1) / (yes + 2), 1 / (no + 2))
    middle, spread = float(x.mean()), max(float(x.std()), 1e-6)
    rows = np.stack([(x - middle) / spread, np.ones_like(x)], axis=1)
    # A little ridge: odds of two values only would let the slope run away.
    weights, ridge = np.zeros(2), 1e-3
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        curve = (rows * (p * (1 - p))[:, None]).T @ rows + ridge * np.eye(2)
        step = np.linalg.solve(curve, rows.T @ (p - y) + ridge * weights)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    slope = max(float(weights[0]) / spread, 0.01)
    return middle - float(weights[1]) / slope, 1 / slope


def errors(said: Sequence[Said], card: VisionCard) -> Metric:
    """Return the expected calibration error over ten equal bins, as a mean over the questions."""
    p = np.array([1 / (1 + np.exp(-(s.odds - card.offset) / card.temperature)) for s in said])
    true = np.array([s.true for s in said], dtype=float)
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    gaps = [abs(p[bins == b].mean() - true[bins == b].mean()) for b in bins]
    return average([float(gap) for gap in gaps])
