"""Finds a small picture (an icon, a logo) in a large one: normalised cross-correlation over a range of scales.

Both are shrunk first, so far that the template is still told apart; the best places are then matched again from close
by. One tile is in memory at a time, so the size of the picture does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agentkit.content import Box, Image
from agentkit.errors import MissingExtra, UsageError

from .detector import Detection
from .page import tile_boxes

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

# The shorter side of a template in pixels: at least, when both are shrunk, and when a place is matched again.
SMALLEST, COARSE, FINE = 5, 12, 64
# The side of a tile in pixels of the shrunk picture.
SIDE = 1024
# A place may correlate so much less at the first look: its pixels are not where the template's are, nor its scale.
DOUBT = 0.3
# Grey levels of spread below which a template or a place is flat; correlation means nothing there.
FLAT = 3.0
# How many places are matched again, and how many there may be in one tile at one scale.
PLACES, IN_TILE = 200, 60
# Matches that overlap more than this are one.
OVERLAP = 0.3


@dataclass(frozen=True)
class TemplatePlan:
    """How a template is looked for: from ``smallest`` to ``largest`` times its size, in steps of the factor ``step``.

    ``least`` (0..1): the correlation of a match.
    """

    smallest: float = 0.5
    largest: float = 2.0
    step: float = 1.15
    least: float = 0.8

    def __post_init__(self) -> None:
        if not (0 < self.smallest <= self.largest and self.step > 1.01 and 0 < self.least <= 1):
            raise UsageError(
                f"a template can't be looked for from {self.smallest} to {self.largest} times its size "
                f"in steps of {self.step}, with a correlation of {self.least}",
                mend="0 < smallest <= largest, step above 1.01, 0 < least <= 1",
            )

    @property
    def scales(self) -> list[float]:
        count = math.floor(math.log(self.largest / self.smallest) / math.log(self.step) + 1e-9)
        scales = [self.smallest * self.step**i for i in range(count + 1)]
        # The template as it is must be among them, since that is what it mostly is.
        nearest = min(range(len(scales)), key=lambda i: abs(math.log(scales[i])))
        if abs(math.log(scales[nearest])) < math.log(self.step):
            scales[nearest] = 1.0
        return scales


def check_template(template: Image) -> None:
    """Raise ``UsageError`` for a template that nothing can be found with: too small, or of one colour."""
    if min(template.size) < SMALLEST:
        raise UsageError(
            f"a template of {template.size} pixels is too small", mend=f"at least {SMALLEST} pixels each way"
        )
    if _spread(_array(template.pixels)) < FLAT:
        raise UsageError(
            "the template is of one flat colour, which is everywhere and nowhere",
            mend="cut it so that an edge of the thing is in it",
        )


def find_template(image: Image, template: Image, plan: TemplatePlan | None = None) -> list[Detection]:
    """Return where a picture (or crop) shows a template, best first, in pixels of the original.

    A score is the correlation (1 is the same up to brightness and contrast); colours count. Turned or mirrored
    templates are not found, nor more than 200 places. Raises ``UsageError`` for a template without features,
    ``MissingExtra`` without opencv (it comes with rapidocr).
    """
    plan = plan or TemplatePlan()
    check_template(template)
    # The first look is at one colour channel, where the template has most to tell; the second is at all.
    channel = int(np.argmax(_array(template.pixels).reshape(-1, 3).std(axis=0)))
    places: list[Detection] = []
    for factor, scales in _levels(template, plan).items():
        for tile in _tiles(image.box, template, max(scales), factor):
            pixels = np.ascontiguousarray(_array(_shrunk(image, tile, factor))[:, :, channel])
            for scale in scales:
                small = _scaled(template, scale / factor)
                if small is not None:
                    small = np.ascontiguousarray(small[:, :, channel])
                    places += _places(pixels, small, tile, factor, plan.least - DOUBT)
    again = (_again(image, place, template, plan) for place in _apart(places)[:PLACES])
    return _apart([place for place in again if place.score >= plan.least])


def _levels(template: Image, plan: TemplatePlan) -> dict[int, list[float]]:
    """Return by what factor the picture is shrunk for which scales: the larger the template, the smaller it is."""
    levels: dict[int, list[float]] = {}
    for scale in plan.scales:
        factor = max(int(min(template.size) * scale // COARSE), 1)
        levels.setdefault(factor, []).append(scale)
    return levels


def _tiles(whole: Box, template: Image, scale: float, factor: int) -> list[Box]:
    """Return tiles that share enough for the template to be whole in one."""
    overlap = math.ceil(max(template.size) * scale) + factor
    return tile_boxes(whole, max(SIDE * factor, 3 * overlap), overlap)


def _places(
    pixels: np.ndarray, small: np.ndarray, tile: Box, factor: int, least: float
) -> Iterator[Detection]:
    """Return where a tile that was shrunk by a factor looks like the template at one scale."""
    result = _correlation(pixels, small)
    if result is None:
        return
    height, width = small.shape
    for x, y, score in _peaks(result, least):
        box = Box(x, y, x + width, y + height).scale(factor).shift(tile.left, tile.top).clip(tile)
        if box.area > 0:
            yield Detection(box, score)


def _again(image: Image, place: Detection, template: Image, plan: TemplatePlan) -> Detection:
    """Return a place matched from close by, in colour: at scales around the one where it was seen, and beside it."""
    seen = place.box.width / template.size[0]
    near = 2.0 * max(min(place.box.width, place.box.height) / COARSE, 1.0)
    factor = max(int(min(place.box.width, place.box.height) // FINE), 1)
    region = place.box.at_least(place.box.width + 2 * near, place.box.height + 2 * near).grow(1.1)
    region = Box(*map(float, region.clip(image.box).round()))
    pixels = _array(_shrunk(image, region, factor))
    best = Detection(place.box, 0.0)
    # Quarters of the step between scales; and the template as it is, since that is what it mostly is.
    scales = {seen * plan.step ** (i / 4) for i in range(-4, 5)} | ({1.0} if 0.85 < seen < 1.15 else set())
    for scale in sorted(scales):
        small = _scaled(template, scale / factor)
        result = None if small is None else _correlation(pixels, small)
        if small is None or result is None:
            continue
        y, x = np.unravel_index(int(result.argmax()), result.shape)
        if result[y, x] > best.score:
            box = Box(float(x), float(y), float(x + small.shape[1]), float(y + small.shape[0])).scale(factor)
            best = Detection(
                box.shift(region.left, region.top).clip(image.box), min(float(result[y, x]), 1.0)
            )
    return best


def _correlation(pixels: np.ndarray, small: np.ndarray) -> np.ndarray | None:
    """Return the correlation at each place, 0 where the picture is flat; None when the template does not fit."""
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("opencv", "vision") from error
    height, width = small.shape[:2]
    if height > pixels.shape[0] or width > pixels.shape[1] or _spread(small) < FLAT:
        return None
    result = cv2.matchTemplate(pixels, small, cv2.TM_CCOEFF_NORMED)
    # OpenCV gives 1 where there is nothing to correlate.
    grey = pixels if pixels.ndim == 2 else pixels.mean(axis=2, dtype=np.float32)
    mean = cv2.boxFilter(grey, cv2.CV_64F, (width, height), anchor=(0, 0))
    square = cv2.sqrBoxFilter(grey, cv2.CV_64F, (width, height), anchor=(0, 0))
    spread = (square - mean * mean)[: result.shape[0], : result.shape[1]]
    result[~np.isfinite(result) | (spread < FLAT * FLAT)] = 0.0
    return result


def _peaks(result: np.ndarray, least: float) -> list[tuple[float, float, float]]:
    """Return the highest places of their neighbourhood as (x, y, score), the best of them."""
    import cv2

    around = cv2.dilate(result, np.ones((5, 5), np.uint8))
    ys, xs = np.nonzero((result >= least) & (result >= around))
    scores = result[ys, xs]
    best = np.argsort(-scores, kind="stable")[:IN_TILE]
    return [(float(xs[i]), float(ys[i]), min(float(scores[i]), 1.0)) for i in best]


def _apart(places: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for place in sorted(places, key=lambda p: -p.score):
        if all(_overlap(place.box, other.box) <= OVERLAP for other in kept):
            kept.append(place)
    return kept


def _overlap(a: Box, b: Box) -> float:
    # Of the smaller one: a part of a template often looks like the whole at another scale.
    smaller = min(a.area, b.area)
    return a.intersection(b) / smaller if smaller > 0 else 1.0


def _shrunk(image: Image, box: Box, factor: int) -> PILImage:
    pixels = image.origin.pixels
    return pixels.crop(box.round()) if factor == 1 else pixels.reduce(factor, box.round())


def _scaled(template: Image, scale: float) -> np.ndarray | None:
    from PIL import Image as Pillow

    width, height = (round(side * scale) for side in template.size)
    if min(width, height) < SMALLEST:
        return None
    return _array(
        template.pixels.resize(
            (width, height), Pillow.Resampling.BOX if scale < 1 else Pillow.Resampling.BICUBIC
        )
    )


def _array(pixels: PILImage) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(pixels))


def _spread(pixels: np.ndarray) -> float:
    channels = pixels.reshape(-1, 1 if pixels.ndim == 2 else pixels.shape[-1])
    return float(channels.std(axis=0).max())
