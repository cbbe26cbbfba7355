"""Pictures of 128 px that are filled thing by thing, for questions that need certain things at certain places."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from agentkit.content import Image

from ..scenes.camera import develop
from ..scenes.drawing import draw_clutter, draw_host, draw_object
from ..scenes.photos import background
from ..scenes.scene import CROP, Box, SceneHost, SceneObject

WHOLE: Box = (0.0, 0.0, float(CROP), float(CROP))
TRIES = 300
REACH = 1.22  # the corner of a square or triangle lies that many radii from its centre


def rng_of(seed: int, family: int) -> np.random.Generator:
    """Return the generator of a seed; families (by number) draw different pictures from the same seed."""
    return np.random.default_rng([seed, family])


class Stage:
    """A background with clutter, on which hosts and things are put; no thing touches another.

    ``things`` and ``hosts`` are what lies wholly inside the picture; ``masks`` has a boolean (128, 128) array a
    thing: the pixels that it covers (soft edges count).
    """

    def __init__(self, rng: np.random.Generator, split: str, clutter: int = 4) -> None:
        self.rng = rng
        self.canvas = background(rng, CROP, CROP, split)
        draw_clutter(self.canvas, rng, clutter, rng.uniform(5, 16))
        self.things: list[SceneObject] = []
        self.masks: list[np.ndarray] = []
        self.hosts: list[SceneHost] = []

    def put_host(self, kind: str, radius: float) -> bool:
        """Put a host of a radius in pixels; return whether there was room for it."""
        spot = self._spot(radius, WHOLE, gap=2.0, taken=[(_middle(h.box), h.radius) for h in self.hosts])
        if spot is not None:
            box = draw_host(self.canvas, self.rng, kind, spot, radius)
            self.hosts.append(SceneHost(kind, box, radius, 1.0))
        return spot is not None

    def put(
        self,
        colour: str,
        shape: str,
        radius: float,
        *,
        glyph: str | None = None,
        within: Box = WHOLE,
        gap: float = 3.0,
    ) -> bool:
        """Put a thing wholly inside ``within`` (ltrb, pixels), ``gap`` pixels from others; return whether it fits."""
        spot = self._spot(radius, within, gap, [(o.centre, o.radius) for o in self.things])
        if spot is None:
            return False
        before = np.asarray(self.canvas).copy()
        box = draw_object(self.canvas, self.rng, shape, colour, spot, radius, glyph)
        self.things.append(SceneObject(shape, colour, glyph, box, spot, radius, 1.0))
        self.masks.append((np.asarray(self.canvas) != before).any(axis=-1))
        return True

    def photograph(self) -> Image:
        """Return the finished picture, as a camera and a file format leave it."""
        return Image.of_pixels(develop(self.rng, self.canvas))

    def _spot(
        self, radius: float, within: Box, gap: float, taken: list[tuple[tuple[float, float], float]]
    ) -> tuple[float, float] | None:
        edge = REACH * radius + 1
        left, top, right, bottom = within[0] + edge, within[1] + edge, within[2] - edge, within[3] - edge
        if left > right or top > bottom:
            return None
        for _ in range(TRIES):
            x, y = float(self.rng.uniform(left, right)), float(self.rng.uniform(top, bottom))
            if all(math.hypot(x - cx, y - cy) >= REACH * (radius + other) + gap for (cx, cy), other in taken):
                return x, y
        return None


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def shuffled(rng: np.random.Generator, words: Sequence[str]) -> tuple[str, ...]:
    """Return words in a random order."""
    return tuple(words[int(i)] for i in rng.permutation(len(words)))
