"""Held-out accuracy and calibration of `mini`.

    python -m agentkit.evals.mini.evaluate [--model DIR] [--scenes N] [--tuning] [--write]

Held-out means: seeds 1-9999 and photographs that training never saw. With --tuning: seeds from
10000 and the training photographs (what building may look at); --write stores the numbers in the
card, or, with --tuning, the temperature of yes against no.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from agentkit.contracts.evaluation import Metric

from ..intervals import proportion
from ..scenes import Question, ask, crop_scene, large_scene
from ..scenes.questions import NOT_VISIBLE
from ..scenes.scene import CROP, Box
from ..scenes.vocabulary import COLOURS, SHAPES
from .reader import Answer, Reader
from .tokenizer import BINS

EVALUATION_SEED, TUNING_SEED = 1, 10_000
BATCH = 8  # pictures at once
MATCH = 0.5  # intersection over union from which a location counts as right


def read_box(text: str) -> Box | None:
    """The box that four location words name, ltrb in pixels of the crop, by the centres of their bins."""
    words = [w for w in text.split() if w.startswith("<loc")]
    if len(words) != 4:
        return None
    left, top, right, bottom = ((int(w[4:-1]) + 0.5) * CROP / BINS for w in words)
    return left, top, right, bottom


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * high / max(1e-9, areas - wide * high)


def is_right(question: Question, reply: str) -> bool:
    """Whether the reply is the gold answer (a place: overlap of at least a half)."""
    if question.box is None:
        return reply == question.answer
    box = read_box(reply)
    return box is not None and overlap(box, question.box) >= MATCH


@dataclass
class Tally:
    """Right and asked, by name; margins and truths of yes/no questions about presence."""

    counts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    margins: list[float] = field(default_factory=list)
    truths: list[bool] = field(default_factory=list)

    def add(self, name: str, right: bool) -> None:
        self.counts[name][0] += right
        self.counts[name][1] += 1


def ask_scenes(reader: Reader, scenes: int, first_seed: int, split: str) -> Tally:
    """Asks about `scenes` crops. "not visible" golds are their own skill, apart from the seven."""
    tally = Tally()
    asked: list[tuple[Image.Image, list[Question]]] = []
    for seed in range(first_seed, first_seed + scenes):
        rng = np.random.default_rng(seed)
        scene = crop_scene(rng, split)
        asked.append((scene.image, ask(scene, rng, 12)))
    for start in range(0, scenes, BATCH):
        batch = [(image, questions) for image, questions in asked[start : start + BATCH] if questions]
        answers = reader.answer_all([(image, [q.text for q in questions]) for image, questions in batch])
        for (_, questions), replies in zip(batch, answers, strict=True):
            for question, reply in zip(questions, replies, strict=True):
                _count(tally, question, reply)
    return tally


def _count(tally: Tally, question: Question, reply: Answer) -> None:
    right = is_right(question, reply.text)
    hidden = question.answer == NOT_VISIBLE
    tally.add("not visible" if hidden else question.skill, right)
    if hidden:
        tally.add(f"not visible: {question.skill}", right)
    if question.skill == "presence":
        tally.margins.append(reply.margin)
        tally.truths.append(question.answer == "yes")


def empty_margins(reader: Reader, scenes: int, first_seed: int, split: str, objects: int = 8) -> list[float]:
    """Yes-minus-no logits for things asked of pictures that hold nothing but background and clutter."""
    asked: list[tuple[Image.Image, list[str]]] = []
    for seed in range(first_seed, first_seed + scenes):
        rng = np.random.default_rng(seed)
        scene = crop_scene(rng, split, empty=True)
        names = [
            f"{COLOURS[int(c)]} {SHAPES[int(s)]}"
            for c, s in zip(rng.integers(0, 8, objects), rng.integers(0, 8, objects), strict=True)
        ]
        asked.append((scene.image, [f"is there a {n}?" for n in names]))
    batches = [asked[start : start + BATCH] for start in range(0, scenes, BATCH)]
    return [a.margin for batch in batches for replies in reader.answer_all(batch) for a in replies]


def ask_windows(reader: Reader, scenes: int, first_seed: int, split: str, temperature: float) -> Tally:
    """Asks about windows of large pictures (4000 x 3000 px), as visual search will.

    For each picture: its target in windows of three sizes (does `mini` say yes, and is the place right),
    and as many windows without it (does it say yes above 0.5, above 0.9).
    """
    tally = Tally()
    for seed in range(first_seed, first_seed + scenes):
        rng = np.random.default_rng(seed)
        scene = large_scene(rng, split=split)
        target = scene.objects[0]
        asked = [f"is there a {target.name}?", f"where is the {target.name}?"]
        for side in (384, 512, 768):
            window = _window(rng, scene.image.size, side, target.box)
            yes, place = reader.answer(scene.image.crop(window), asked)
            tally.add(f"window {side}: found", yes.margin / temperature > 0)
            box = read_box(place.text)
            scale = CROP / side
            left, top, right, bottom = target.box
            x, y = window[0], window[1]
            gold = ((left - x) * scale, (top - y) * scale, (right - x) * scale, (bottom - y) * scale)
            tally.add(f"window {side}: placed", box is not None and overlap(box, gold) >= MATCH)
            window = _window(rng, scene.image.size, side, None)
            if overlap(window, target.box) == 0:
                no = reader.answer(scene.image.crop(window), asked[:1])[0]
                tally.add("windows without it: yes above 0.5", no.margin / temperature > 0)
                tally.add("windows without it: yes above 0.9", no.margin / temperature > math.log(9))
    return tally


def _window(
    rng: np.random.Generator, size: tuple[int, int], side: int, box: Box | None
) -> tuple[int, int, int, int]:
    """A square window inside a picture of this size; it holds `box` entirely if one is given."""
    corner = []
    for axis in (0, 1):
        low, high = 0.0, float(size[axis] - side)
        if box is not None:
            low, high = max(low, box[axis + 2] - side), min(high, box[axis])
        corner.append(int(rng.uniform(low, max(low, high))))
    return corner[0], corner[1], corner[0] + side, corner[1] + side


def fit_temperature(margins: list[float], truths: list[bool]) -> float:
    """The divisor of the margins that minimises the log loss (grid search)."""
    m, t = torch.tensor(margins), torch.tensor(truths, dtype=torch.float)
    grid = [0.4 * 1.05**k for k in range(50)]
    losses = [torch.nn.functional.binary_cross_entropy_with_logits(m / g, t).item() for g in grid]
    return round(grid[int(np.argmin(losses))], 3)


def calibration_error(margins: list[float], truths: list[bool], temperature: float) -> float:
    """Expected calibration error of P(yes) over ten equal bins."""
    p = 1 / (1 + np.exp(-np.array(margins) / temperature))
    t = np.array(truths, dtype=float)
    which = np.minimum(9, (p * 10).astype(int))
    return float(
        sum(abs(p[which == b].mean() - t[which == b].mean()) * (which == b).mean() for b in set(which))
    )


def measure(folder: Path, scenes: int, tuning: bool) -> dict[str, Any]:
    """All numbers of one model; proportions as {"mean", "low", "high", "n"}."""
    reader = Reader(folder)
    temperature = json.loads((folder / "card.json").read_text())["temperature"]
    seed, split = (TUNING_SEED, "train") if tuning else (EVALUATION_SEED, "eval")
    tally = ask_scenes(reader, scenes, seed, split)
    if tuning:
        temperature = fit_temperature(tally.margins, tally.truths)
    empty = np.array(empty_margins(reader, max(1, scenes // 3), seed + 5000, split)) / temperature
    windows = ask_windows(reader, max(1, scenes // 10), seed + 7000, split, temperature)
    numbers: dict[str, Any] = {}
    for name, (right, total) in sorted({**tally.counts, **windows.counts}.items()):
        numbers[name] = _rounded(proportion(right, total), 4)
    for level in (0.5, 0.9):
        wrong = int((1 / (1 + np.exp(-empty)) > level).sum())
        numbers[f"false yes on empty crops above {level}"] = _rounded(proportion(wrong, len(empty)), 5)
    error = calibration_error(tally.margins, tally.truths, temperature)
    return {"numbers": numbers, "calibration_error": round(error, 4), "temperature": temperature}


def _rounded(metric: Metric, digits: int) -> dict[str, Any]:
    shares = metric.model_dump(exclude={"n"})
    return {**{name: round(share, digits) for name, share in shares.items()}, "n": metric.n}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(str(resources.files("agentkit.models.mini"))) / "weights"
    parser.add_argument("--model", type=Path, default=default)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--write", action="store_true", help="store the result in the model's card.json")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result = measure(arguments.model, arguments.scenes, arguments.tuning)
    print(json.dumps(result, indent=1))
    if arguments.write:
        file = arguments.model / "card.json"
        card = json.loads(file.read_text())
        if arguments.tuning:
            card["temperature"] = result["temperature"]
        else:
            card["accuracy"] = result["numbers"]
            card["calibration_error"] = result["calibration_error"]
        file.write_text(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
