"""Questions about several pictures where only the demonstration pictures tell the rule (as TrueMICL, 2507.15807).

Three pictures: two demonstrations with their answers, then the one that is asked about. The question is always the
same and the answers alone do not tell the rule, so that a model that ignores the demonstration pictures is left with
a guess between two:

- *side*: two things side by side; the answer is the colour of the left one, or of the right one;
- *size*: two things of different size; the answer is the colour of the larger one, or of the smaller one;
- *name*: one thing; its answer is a made-up letter of its shape, which one demonstration shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from agentkit.attention import Dara, Learned
from agentkit.attention.lab import Lab
from agentkit.attention.methods.dara import fit_dara
from agentkit.content import Image, Message
from agentkit.models.base import Model

from ..scenes.photos import split_of
from ..scenes.scene import CROP, SceneObject
from ..scenes.vocabulary import COLOURS, LETTERS, SHAPES
from .family import Family, Item, Method
from .fits import fitted, look
from .methods import unedited
from .stage import Stage, rng_of, shuffled

Rule: TypeAlias = Literal["side", "size", "name"]

RULES: tuple[Rule, ...] = ("side", "size", "name")
COLOUR_QUESTION = "what colour is the object?"
NAME_QUESTION = "what is the letter of the object?"
DEMONSTRATIONS = 2
FAMILY_NUMBER = 3
MIDDLE = CROP / 2

# DARA's factors are fitted on lessons of their own: a forward and a backward pass a lesson and epoch.
FIRST_LESSON, EPOCHS = 12_000, 6


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture, its things (by the rule: the one that counts first), and the answer."""

    image: Image
    things: tuple[SceneObject, ...]
    answer: str


@dataclass(frozen=True, eq=False)
class Lesson:
    """Demonstrations and what is asked; ``allowed``: the two answers between which the rule decides; ``options``: they and two others."""

    rule: Rule
    question: str
    demonstrations: tuple[Shown, ...]
    query: Shown
    options: tuple[str, ...]
    allowed: tuple[str, ...]


def make_lesson(seed: int) -> Lesson:
    """Return the lesson of a seed; rules take turns with every seed."""
    rng = rng_of(seed, FAMILY_NUMBER)
    rule = RULES[seed % len(RULES)]
    return _name_lesson(rng, split_of(seed)) if rule == "name" else _choice_lesson(rng, split_of(seed), rule)


def _choice_lesson(rng: np.random.Generator, split: str, rule: Rule) -> Lesson:
    # One of the two directions of the rule: left or right, larger or smaller.
    turned = bool(rng.random() < 0.5)
    shown = [_two_things(rng, split, rule, turned) for _ in range(DEMONSTRATIONS + 1)]
    query = shown[-1]
    allowed = tuple(thing.colour for thing in query.things)
    return Lesson(rule, COLOUR_QUESTION, tuple(shown[:-1]), query, _options(rng, allowed, COLOURS), allowed)


def _two_things(rng: np.random.Generator, split: str, rule: Rule, turned: bool) -> Shown:
    stage = Stage(rng, split, clutter=int(rng.integers(0, 4)))
    colours, shape = shuffled(rng, COLOURS), SHAPES[int(rng.integers(len(SHAPES)))]
    halves = ((0.0, 0.0, MIDDLE, float(CROP)), (MIDDLE, 0.0, float(CROP), float(CROP)))
    radii = [float(rng.uniform(15, 21))] * 2 if rule == "side" else [rng.uniform(18, 24), rng.uniform(8, 12)]
    # What the rule does not name is left to chance: here the side of the larger one.
    swapped = rule == "size" and bool(rng.random() < 0.5)
    for colour, radius, half in zip(colours, radii, halves[::-1] if swapped else halves, strict=False):
        if not stage.put(colour, shape, float(radius), within=half):
            raise AssertionError("a half has room for one thing")
    things = tuple(stage.things[::-1] if turned else stage.things)
    return Shown(stage.photograph(), things, things[0].colour)


def _name_lesson(rng: np.random.Generator, split: str) -> Lesson:
    shapes, letters = shuffled(rng, SHAPES)[:DEMONSTRATIONS], shuffled(rng, LETTERS)
    shown = [_one_thing(rng, split, *pair) for pair in zip(shapes, letters, strict=False)]
    asked = int(rng.integers(len(shown)))
    query = _one_thing(rng, split, shapes[asked], letters[asked])
    allowed = letters[:DEMONSTRATIONS]
    return Lesson("name", NAME_QUESTION, tuple(shown), query, _options(rng, allowed, LETTERS), allowed)


def _one_thing(rng: np.random.Generator, split: str, shape: str, letter: str) -> Shown:
    stage = Stage(rng, split, clutter=int(rng.integers(0, 4)))
    colour = COLOURS[int(rng.integers(len(COLOURS)))]
    stage.put(colour, shape, float(rng.uniform(15, 24)))
    return Shown(stage.photograph(), tuple(stage.things), letter)


def _options(rng: np.random.Generator, allowed: Sequence[str], pool: Sequence[str]) -> tuple[str, ...]:
    others = [word for word in shuffled(rng, pool) if word not in allowed]
    return shuffled(rng, [*allowed, *others[: 4 - len(allowed)]])


class Pictures(Family):
    """Rules that only demonstration pictures tell. ``lessons``: on how many DARA is fitted."""

    name = "pictures"
    title = "several pictures, the rule told by the demonstrations alone"
    role = "see"
    count = 120

    def __init__(self, lessons: int = 48) -> None:
        self.lessons = lessons

    def item(self, seed: int) -> Item:
        lesson = make_lesson(seed)
        messages: list[Message] = []
        for shown in lesson.demonstrations:
            messages += [
                Message.of("user", shown.image, lesson.question, label="exemplar"),
                Message.of("assistant", shown.answer, label="exemplar"),
            ]
        messages.append(Message.user(lesson.query.image, lesson.question))
        return Item(
            seed=seed,
            messages=tuple(messages),
            options=lesson.options,
            right=lesson.options.index(lesson.query.answer),
            stratum=lesson.rule,
        )

    def also(self, item: Item, answer: str) -> Mapping[str, bool]:
        """Return whether the answer is one of the two between which the rule decides."""
        return {"allowed": answer in make_lesson(item.seed).allowed}

    async def methods(self, model: Model) -> Sequence[Method]:
        return [
            unedited(),
            await fitted("dara", lambda: self._dara(model, "dara", every_layer=False, rate=0.05)),
            await fitted("dara_all", lambda: self._dara(model, "dara_all", every_layer=True, rate=0.1)),
        ]

    async def _dara(self, model: Model, name: str, *, every_layer: bool, rate: float) -> Method:
        """Return DARA, fitted on training lessons: in the first layer as published, or in every layer."""
        lessons = [self.item(seed) for seed in range(FIRST_LESSON, FIRST_LESSON + self.lessons)]
        examples = [(item.messages, item.options[item.right]) for item in lessons]

        def fit(lab: Lab) -> Learned:
            count = lab.target(lab.encode(lessons[0].messages)).layers if every_layer else 1
            return fit_dara(lab, examples, layers=range(count), epochs=EPOCHS, rate=rate)

        found = await look(model, fit)
        where = "every layer" if every_layer else "first layer"
        note = f"{where}, fitted on {len(lessons)} training lessons, {EPOCHS} epochs, rate {rate:g}"
        return Method(name, lambda item: (Dara(found),), note)
