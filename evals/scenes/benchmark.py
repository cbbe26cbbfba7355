"""Items of the visual-search benchmark: small things in large pictures, in the kinds of V*Bench and two more.

An item is decided by its seed alone. Forty seeds in a row hold every kind in its share, once with its targets where
visible context predicts them (at their hosts) and once anywhere else.

========================  ==========================  ==========================================  =======
folder                    kinds                       question                                    options
========================  ==========================  ==========================================  =======
``direct_attributes``     colour, shape, glyph        what colour is the heart?                   4
``relative_position``     relation                    is the A on the left or right side of B?    2
``text``                  text                        what is written on the red square?          4
``absent``                exists, absent              is there a red star?                        2
========================  ==========================  ==========================================  =======
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from .drawing import pick_colour, pick_muted
from .large import Name, large_stage, near_name, spot
from .photos import split_of
from .scene import Box, Scene, SceneObject, add_object
from .signs import draw_sign, pick_words
from .vocabulary import COLOURS, DIGITS, GLYPH_SHAPES, GLYPHS, HOST_OF, LETTERS, SHAPES

Point = tuple[float, float]

CONTEXT, RANDOM, ABSENT = "context", "random", "absent"
FOLDERS = {
    "colour": "direct_attributes",
    "shape": "direct_attributes",
    "glyph": "direct_attributes",
    "relation": "relative_position",
    "text": "text",
    "exists": "absent",
    "absent": "absent",
}
# How many of twenty items are of each kind; their order is mixed, so that any stretch of seeds is a fair sample.
MIX = {"colour": 3, "shape": 2, "glyph": 3, "relation": 5, "text": 3, "exists": 2, "absent": 2}
WIDTHS = (2000, 6000)
# A word is to be read in a crop, and lost when a picture is shrunk to the 2,000 pixels that readers take at once.
TEXT_WIDTHS = (5000, 6000)
MOST_PIXELS = 24_000_000
ASPECTS = (4 / 3, 4 / 3, 3 / 2, 3 / 2, 3 / 2, 16 / 9, 16 / 9, 2.1, 1.0, 3 / 4)
TEXT_ASPECTS = (3 / 2, 16 / 9, 2.1)
# Share of the picture that an upright square around a target takes. What is drawn in it is a little less or, turned, a
# little more: the boxes are 0.02 to 0.1 % of the picture.
AREA = (0.000265, 0.00083)
TEXT_AREA = (0.0003, 0.0006)
# Height of a capital on a sign, as a share of the picture's width: 9 to 10 pixels, 3 in a picture shrunk to 2,000.
LETTER = 0.0017
DISTRACTORS = 6
SQUARES, PLATES = 3, 3
# Relations are asked where one direction is clear: so many mean diameters between the centres.
APART = 2.0
# Backgrounds are full of black and white things; colours of a shape that is asked for are others.
BRIGHT = tuple(colour for colour in COLOURS if colour not in ("black", "white"))


@dataclass(frozen=True)
class Plan:
    """What an item is: its kind, and where its targets are (``context``, ``random``, or ``absent``)."""

    kind: str
    placement: str

    @property
    def folder(self) -> str:
        return FOLDERS[self.kind]


@dataclass(frozen=True)
class SearchItem:
    """A picture and a question. ``targets`` and their ``boxes`` (pixels, ltrb) go together; option 0 is right."""

    seed: int
    plan: Plan
    image: Image.Image
    question: str
    options: tuple[str, ...]
    targets: tuple[str, ...]
    boxes: tuple[Box, ...]

    def data(self) -> dict[str, Any]:
        """Return V*Bench's keys (boxes are left, top, width, height) and, beside them, ours."""
        return {
            "target_object": list(self.targets),
            "bbox": [[round(v) for v in (b[0], b[1], b[2] - b[0], b[3] - b[1])] for b in self.boxes],
            "question": self.question,
            "options": list(self.options),
            "kind": self.plan.kind,
            "placement": self.plan.placement,
            "seed": self.seed,
        }


def _plans() -> tuple[Plan, ...]:
    kinds = [kind for kind, count in MIX.items() for _ in range(count)]
    plans = [
        Plan(kind, ABSENT if kind == "absent" else where) for where in (CONTEXT, RANDOM) for kind in kinds
    ]
    order = np.random.default_rng(7).permutation(len(plans))
    return tuple(plans[int(i)] for i in order)


PLANS = _plans()


def plan_of(seed: int) -> Plan:
    """Return what the item of a seed is."""
    return PLANS[seed % len(PLANS)]


def make_item(seed: int) -> SearchItem:
    """Return the item of a seed, drawn on photographs that the seed may show."""
    plan, rng = plan_of(seed), np.random.default_rng([seed, 4])
    if plan.kind == "text":
        return _text_item(seed, plan, rng)
    width, height = _size(rng, WIDTHS, ASPECTS)
    asked_colour = BRIGHT[int(rng.integers(len(BRIGHT)))]
    loud = [colour for colour in COLOURS if colour != asked_colour] if plan.kind == "shape" else ()
    scene = large_stage(rng, width, height, split=split_of(seed), loud=loud)
    names = _names(scene, rng, plan, asked_colour)
    targets = [] if plan.kind == "absent" else _put_targets(scene, rng, names, plan)
    for _ in range(DISTRACTORS + len(names) - len(targets)):
        name = near_name(rng, names)
        while not _may_stand_by(name, names[0], plan.kind):
            name = near_name(rng, names)
        _put(scene, rng, name, _glyph(rng, name[1]), at_host=False)
    return _asked(seed, plan, rng, scene, names, targets)


def _size(rng: np.random.Generator, widths: tuple[int, int], aspects: tuple[float, ...]) -> tuple[int, int]:
    aspect = aspects[int(rng.integers(len(aspects)))]
    most = min(widths[1], math.sqrt(MOST_PIXELS * aspect))
    width = int(rng.uniform(widths[0], most))
    return width, round(width / aspect)


def _names(scene: Scene, rng: np.random.Generator, plan: Plan, colour: str) -> list[Name]:
    """Names of the targets: with a place for a glyph where one is asked for, with a host where one is wanted."""
    hosts = {host.kind for host in scene.hosts}
    shapes: tuple[str, ...] = GLYPH_SHAPES if plan.kind == "glyph" else SHAPES
    if plan.placement == CONTEXT:
        shapes = tuple(shape for shape in shapes if HOST_OF[shape] in hosts)
    names: list[Name] = []
    while len(names) < (2 if plan.kind == "relation" else 1):
        name = COLOURS[int(rng.integers(len(COLOURS)))], shapes[int(rng.integers(len(shapes)))]
        if plan.kind == "shape":
            name = colour, name[1]
        if name not in names:
            names.append(name)
    return names


def _may_stand_by(name: Name, target: Name, kind: str) -> bool:
    """Whether a thing leaves the question unambiguous: nothing else has what the target is named by."""
    return {"colour": name[1] != target[1], "shape": name[0] != target[0]}.get(kind, True)


def _put_targets(scene: Scene, rng: np.random.Generator, names: list[Name], plan: Plan) -> list[SceneObject]:
    for name in names:
        glyph = _glyph(rng, name[1], always=plan.kind == "glyph")
        _put(scene, rng, name, glyph, at_host=plan.placement == CONTEXT, apart=list(scene.objects))
    return list(scene.objects)


def _glyph(rng: np.random.Generator, shape: str, *, always: bool = False) -> str | None:
    written = always or rng.random() < 0.8
    return GLYPHS[int(rng.integers(len(GLYPHS)))] if written and shape in GLYPH_SHAPES else None


def _put(
    scene: Scene,
    rng: np.random.Generator,
    name: Name,
    glyph: str | None,
    *,
    at_host: bool,
    apart: Sequence[SceneObject] = (),
) -> None:
    """Draw one thing, clearly to one side of those that it is to be `apart` from."""
    width, height = scene.image.size
    radius = math.sqrt(rng.uniform(*AREA) * width * height) / 2
    centre, host = spot(scene, rng, name[1], radius, at_host)
    for _ in range(200):
        if all(_distance(centre, other.centre) > APART * (radius + other.radius) for other in apart):
            break
        centre, host = spot(scene, rng, name[1], radius, at_host)
    add_object(scene, rng, (*name, glyph), centre, radius, host)


def _distance(one: Point, other: Point) -> float:
    """The distance along the axis on which two points are farther apart."""
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


def _asked(
    seed: int,
    plan: Plan,
    rng: np.random.Generator,
    scene: Scene,
    names: list[Name],
    targets: list[SceneObject],
) -> SearchItem:
    phrases = [" ".join(name) for name in names]
    if plan.kind == "colour":
        phrases = [names[0][1]]
        question, options = f"what colour is the {phrases[0]}?", _options(rng, names[0][0], COLOURS)
    elif plan.kind == "shape":
        phrases = [f"{names[0][0]} object"]
        question, options = f"what shape is the {phrases[0]}?", _options(rng, names[0][1], SHAPES)
    elif plan.kind == "glyph":
        written = targets[0].glyph or ""
        pool = LETTERS if written in LETTERS else DIGITS
        question, options = f"what is written on the {phrases[0]}?", _options(rng, written, pool)
    elif plan.kind == "relation":
        question, options = _relation(phrases, targets)
    else:
        article = "an" if phrases[0][0] in "aeiou" else "a"
        question = f"is there {article} {phrases[0]}?"
        options = ("no", "yes") if plan.kind == "absent" else ("yes", "no")
    boxes = tuple(target.box for target in targets)
    return SearchItem(seed, plan, scene.image, question, options, tuple(phrases[: len(boxes)]), boxes)


def _relation(phrases: Sequence[str], targets: Sequence[SceneObject]) -> tuple[str, tuple[str, ...]]:
    """V*Bench's question and options, about the axis on which two things are farther apart."""
    (a, b), (first, second) = phrases, (target.centre for target in targets)
    across = abs(first[0] - second[0]) >= abs(first[1] - second[1])
    if across:
        sides = ("left", "right") if first[0] < second[0] else ("right", "left")
        question = f"Is the {a} on the left or right side of the {b}?"
        return question, tuple(f"The {a} is on the {side} side of the {b}." for side in sides)
    sides = ("above", "below") if first[1] < second[1] else ("below", "above")
    return f"Is the {a} above or below the {b}?", tuple(f"The {a} is {side} the {b}." for side in sides)


def _options(rng: np.random.Generator, right: str, pool: Sequence[str]) -> tuple[str, ...]:
    wrong = [word for word in pool if word != right]
    return (right, *(wrong[int(i)] for i in rng.permutation(len(wrong))[:3]))


def _text_item(seed: int, plan: Plan, rng: np.random.Generator) -> SearchItem:
    """A word on a square of a colour of its own, among squares and plates with other words or none."""
    width, height = _size(rng, TEXT_WIDTHS, TEXT_ASPECTS)
    scene = large_stage(rng, width, height, hosts=4, split=split_of(seed))
    colours = [COLOURS[int(i)] for i in rng.permutation(len(COLOURS))[: SQUARES + 1]]
    words = pick_words(rng, SQUARES + PLATES + 2)
    unseen, right = words.pop(), words[0]
    for index, colour in enumerate(colours):
        at_host = index == 0 and plan.placement == CONTEXT
        _put_sign(scene, rng, colour, words[index] if index < 2 or rng.random() < 0.7 else None, at_host)
    for word in words[SQUARES + 1 :]:
        _put_sign(scene, rng, None, word if rng.random() < 0.5 else None, at_host=False)
    target = scene.objects[0]
    for _ in range(DISTRACTORS // 2):
        name = near_name(rng, [(target.colour, "square")])
        if name[1] != "square":
            _put(scene, rng, name, None, at_host=False)
    phrase = f"{target.colour} square"
    return SearchItem(
        seed,
        plan,
        scene.image,
        f"what is written on the {phrase}?",
        (right, words[1], words[SQUARES + 1], unseen),
        (phrase,),
        (target.box,),
    )


def _put_sign(
    scene: Scene, rng: np.random.Generator, colour: str | None, word: str | None, at_host: bool
) -> None:
    """Draw a square of a colour, or a muted plate that is longer than high."""
    width, height = scene.image.size
    side = math.sqrt(rng.uniform(*TEXT_AREA) * width * height)
    size = (side, side) if colour else (1.5 * side, 0.6 * side)
    radius = max(size) / 2
    centre, host = spot(scene, rng, "square", radius, at_host)
    base = pick_colour(rng, colour) if colour else pick_muted(rng)
    box = draw_sign(scene.image, base, centre, size, word, LETTER * width)
    scene.objects.append(
        SceneObject("square" if colour else "plate", colour or "", None, box, centre, radius, 1.0, host)
    )
