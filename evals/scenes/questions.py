"""Questions about a crop-scale scene, with gold answers that follow from its ground truth.

Nothing is asked whose answer a person could dispute: objects between "too small" and "visible"
(`SceneObject.seen` is None) are in no question and block questions that they would match.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .scene import Box, Scene, SceneHost, SceneObject
from .vocabulary import COLOURS, GLYPH_SHAPES, HOST_OF, LETTERS, SHAPES

NOT_VISIBLE = "not visible"
SKILLS = ("presence", "attribute", "glyph", "location", "relation", "counting", "context")

PRESENCE = (
    "is there a {o}?",
    "is there any {o}?",
    "can you see a {o}?",
    "do you see a {o}?",
    "is a {o} visible?",
    "does the picture show a {o}?",
)
COLOUR = ("what colour is the {o}?", "what color is the {o}?", "which colour does the {o} have?")
SHAPE = ("what shape is the {o}?", "which shape does the {o} have?", "what is the shape of the {o}?")
GLYPH = (
    "what {k} is on the {o}?",
    "which {k} is on the {o}?",
    "what is written on the {o}?",
    "what does the {o} say?",
)
LOCATION = ("where is the {o}?", "locate the {o}.", "find the {o}.", "give the box of the {o}.")
RELATION = ("is the {a} {r} the {b}?",)
RELATIVE = ("where is the {a} relative to the {b}?", "on which side of the {b} is the {a}?")
COUNTING = ("how many {o} are there?", "how many {o} can you see?", "count the {o}.")
CONTEXT = (
    "where would the {o} most likely be?",
    "where would you expect a {o}?",
    "where is the best place to look for a {o}?",
)
SIDES = {
    "left": ("left of", "to the left of"),
    "right": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
THINGS = ("object", "thing")


@dataclass(frozen=True)
class Question:
    """One question. `box` (ltrb, pixels of the crop) is set where the answer is a place, else None.

    `answer` is the text to say; for a place it is empty, and the box says it. `about` are the boxes of
    the visible things that the answer rests on (none where there is nothing to see). `phrases` are the
    words for the two of a relation, in the order of `about`, if both are visible.
    """

    skill: str
    text: str
    answer: str
    box: Box | None = None
    about: tuple[Box, ...] = ()
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Phrase:
    """A description of an object: colour, shape or both (None: anything)."""

    colour: str | None
    shape: str | None
    thing: str = "object"

    def __str__(self) -> str:
        return " ".join(w for w in (self.colour, self.shape or self.thing) if w)

    def plural(self) -> str:
        text = str(self)
        return text + ("es" if text.endswith(("s", "x")) else "s")

    def fits(self, thing: SceneObject) -> bool:
        return self.colour in (None, thing.colour) and self.shape in (None, thing.shape)


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


class Asker:
    """Makes questions about one scene. Draws from `rng`; the same state gives the same questions."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.rng = rng
        self.scene = scene
        self.visible = [o for o in scene.objects if o.seen is True]
        self.unclear = [o for o in scene.objects if o.seen is None]

    def matches(self, phrase: _Phrase) -> list[SceneObject] | None:
        """The visible objects that fit, or None if an unclear one fits too."""
        if any(phrase.fits(o) for o in self.unclear):
            return None
        return [o for o in self.visible if phrase.fits(o)]

    def phrase(self, thing: SceneObject | None) -> _Phrase:
        """A description of `thing`, or of something that may well be absent (hard negatives first)."""
        rng = self.rng
        kind = rng.choice(3, p=[0.7, 0.18, 0.12])
        if thing is not None:
            colour, shape = thing.colour, thing.shape
        else:
            colour, shape = _pick(rng, COLOURS), _pick(rng, SHAPES)
            if self.scene.objects and rng.random() < 0.65:
                like = self.scene.objects[int(rng.integers(len(self.scene.objects)))]
                other = self.scene.objects[int(rng.integers(len(self.scene.objects)))]
                colour = like.colour if rng.random() < 0.6 else colour
                shape = other.shape if rng.random() < 0.6 else shape
        if kind == 1:
            return _Phrase(None, shape)
        return _Phrase(colour, None if kind == 2 else shape, _pick(rng, THINGS))

    def some(self) -> SceneObject | None:
        return self.visible[int(self.rng.integers(len(self.visible)))] if self.visible else None

    def maybe_some(self, share: float) -> SceneObject | None:
        return self.some() if self.rng.random() < share else None

    def presence(self) -> Question | None:
        phrase = self.phrase(self.maybe_some(0.5))
        found = self.matches(phrase)
        if found is None:
            return None
        text = _pick(self.rng, PRESENCE).format(o=phrase)
        if phrase.shape is None and self.rng.random() < 0.5:
            text = f"is there anything {phrase.colour}?"
        return Question("presence", _article(text), "yes" if found else "no", about=_boxes(found))

    def attribute(self) -> Question | None:
        thing = self.maybe_some(0.8)
        phrase = self.phrase(thing)
        ask_colour = self.rng.random() < 0.5
        phrase = _Phrase(
            None if ask_colour else phrase.colour, phrase.shape if ask_colour else None, phrase.thing
        )
        if phrase.shape is None and phrase.colour is None:
            return None
        found = self.matches(phrase)
        if found is None or len(found) > 1:
            return None
        text = _pick(self.rng, COLOUR if ask_colour else SHAPE).format(o=phrase)
        answer = NOT_VISIBLE
        if found:
            answer = found[0].colour if ask_colour else found[0].shape
        return Question("attribute", text, answer, about=_boxes(found))

    def glyph(self) -> Question | None:
        bearers = [o for o in self.visible if o.shape in GLYPH_SHAPES and o.glyph_seen is not None]
        if bearers and self.rng.random() < 0.85:
            phrase = self.phrase(bearers[int(self.rng.integers(len(bearers)))])
        else:
            phrase = self.phrase(None)
            if phrase.shape is not None and phrase.shape not in GLYPH_SHAPES:
                return None
        found = self.matches(phrase)
        if found is None or len(found) > 1:
            return None
        kind, answer = "sign", NOT_VISIBLE
        if found:
            if found[0].glyph_seen is None:
                return None
            if found[0].glyph_seen and found[0].glyph is None:
                answer = "nothing"
            elif found[0].glyph_seen and found[0].glyph is not None:
                answer = found[0].glyph
                kind = "letter" if found[0].glyph in LETTERS else "digit"
        if self.rng.random() < 0.3 or kind == "sign":
            kind = _pick(self.rng, ("letter", "digit", "sign")) if kind == "sign" else "sign"
        return Question("glyph", _pick(self.rng, GLYPH).format(k=kind, o=phrase), answer, about=_boxes(found))

    def location(self) -> Question | None:
        phrase = self.phrase(self.maybe_some(0.75))
        found = self.matches(phrase)
        if found is None or len(found) > 1:
            return None
        text = _pick(self.rng, LOCATION).format(o=phrase)
        if not found:
            return Question("location", text, NOT_VISIBLE)
        return Question("location", text, "", found[0].box, _boxes(found))

    def relation(self) -> Question | None:
        first, second = self.maybe_some(0.88), self.maybe_some(0.88)
        a, b = self.phrase(first), self.phrase(second)
        found_a, found_b = self.matches(a), self.matches(b)
        if found_a is None or found_b is None or len(found_a) > 1 or len(found_b) > 1:
            return None
        if str(a) == str(b) or (found_a and found_b and found_a[0] is found_b[0]):
            return None
        if not found_a and not found_b:
            return None
        side = _pick(self.rng, tuple(SIDES))
        relative = self.rng.random() < 0.4
        if relative:
            text = _pick(self.rng, RELATIVE).format(a=a, b=b)
        else:
            text = _pick(self.rng, RELATION).format(a=a, b=b, r=_pick(self.rng, SIDES[side]))
        if not found_a or not found_b:
            return Question("relation", text, NOT_VISIBLE, about=_boxes(found_a + found_b))
        answer = _side(found_a[0], found_b[0]) if relative else _holds(side, found_a[0], found_b[0])
        if answer is None:
            return None
        return Question("relation", text, answer, about=_boxes(found_a + found_b), phrases=(str(a), str(b)))

    def counting(self) -> Question | None:
        phrase = self.phrase(self.maybe_some(0.9))
        found = self.matches(phrase)
        if found is None or len(found) > 5:
            return None
        if len(found) < 2 and self.rng.random() < 0.6:
            return None  # nought and one would crowd out the rest
        text = _pick(self.rng, COUNTING).format(o=phrase.plural())
        return Question("counting", text, str(len(found)), about=_boxes(found))

    def context(self) -> Question | None:
        if not self.scene.hosts and self.rng.random() < 0.6:
            return None
        shapes = SHAPES
        if self.scene.hosts and self.rng.random() < 0.75:
            kinds = {h.kind for h in self.scene.hosts}
            shapes = tuple(s for s in SHAPES if HOST_OF[s] in kinds)
        shape = _pick(self.rng, shapes)
        phrase = _Phrase(_pick(self.rng, COLOURS) if self.rng.random() < 0.7 else None, shape)
        hosts: list[SceneHost] = [h for h in self.scene.hosts if h.kind == HOST_OF[shape]]
        if any(h.seen is None for h in hosts):
            return None
        seen = [h for h in hosts if h.seen]
        text = _article(_pick(self.rng, CONTEXT).format(o=phrase))
        if not seen:
            return Question("context", text, NOT_VISIBLE)
        return Question("context", text, "", seen[0].box, (seen[0].box,))


def _boxes(things: list[SceneObject]) -> tuple[Box, ...]:
    return tuple(t.box for t in things)


def _article(text: str) -> str:
    for word in ("orange", "object"):
        text = text.replace(f" a {word}", f" an {word}")
    return text


def _side(a: SceneObject, b: SceneObject) -> str | None:
    dx, dy = a.centre[0] - b.centre[0], a.centre[1] - b.centre[1]
    if max(abs(dx), abs(dy)) < 8 or 0.67 < abs(dx) / max(1e-6, abs(dy)) < 1.5:
        return None
    if abs(dx) > abs(dy):
        return "left" if dx < 0 else "right"
    return "above" if dy < 0 else "below"


def _holds(side: str, a: SceneObject, b: SceneObject) -> str | None:
    dx, dy = a.centre[0] - b.centre[0], a.centre[1] - b.centre[1]
    along = dx if side in ("left", "right") else dy
    if abs(along) < 6:
        return None
    return "yes" if (along < 0) == (side in ("left", "above")) else "no"


DEFAULT_MIX = {
    "presence": 0.16,
    "attribute": 0.1,
    "glyph": 0.11,
    "location": 0.14,
    "relation": 0.5,
    "counting": 0.18,
    "context": 0.1,
}


def ask(
    scene: Scene, rng: np.random.Generator, count: int, mix: dict[str, float] | None = None
) -> list[Question]:
    """`count` questions about a crop scene, no two with the same text.

    `mix` gives each skill's share. A skill that the scene cannot serve yields to the next draw, so
    the real shares depend on the scene. Fewer are returned if the scene does not hold that many.
    """
    asker = Asker(scene, rng)
    mix = mix or DEFAULT_MIX
    skills, shares = list(mix), np.array(list(mix.values()))
    order = rng.choice(len(skills), size=8 * count, p=shares / shares.sum())
    questions: dict[str, Question] = {}
    for index in order:
        question: Question | None = getattr(asker, skills[int(index)])()
        if question is not None:
            questions.setdefault(question.text, question)
        if len(questions) == count:
            break
    return list(questions.values())
