"""One large scene and a question about the small thing in it, for the demo and the examples.

``agentkit eval vstar`` measures visual search, on items of many kinds (``evals/scenes/benchmark.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agentkit.content import Box

from .scenes import Scene, SceneObject, large_scene
from .scenes.vocabulary import COLOURS, SHAPES

SIZE = (4800, 3200)


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
