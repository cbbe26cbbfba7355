"""Reads text in pictures far larger than the text detector's input.

Small text is found in overlapping tiles at the picture's own scale, large text in one look at the shrunk picture.
Parts of a line from several tiles are put together before anything is read, so no word is cut at a border or read
twice. One tile is in memory at a time.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from agentkit.content import Box, Image
from agentkit.errors import UsageError

from .ink import STEP, clusters, strokes
from .spots import Quad, Spot, in_order, join, make_spot, settle
from .text_engine import detect, recognise

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

# A picture lower or narrower than this (pixels) holds no legible letter.
LEGIBLE = 5
# Longer than this many times its height, a line is read in pieces: the recogniser skips letters in long lines. A
# word without a gap may be longer.
PIECE, LONGEST = 12.0, 24.0
# A tile with fewer pixels of strokes is blank.
BUSY = 20
# What stands for a tile in the look at the whole picture.
GLANCE = -1


@dataclass(frozen=True)
class ReadingPlan:
    """How a picture is read. Pixels of the original.

    ``side``: of a tile; 928 and the margin make 960, where the detector costs least a pixel (0.25 s on one core).
    ``overlap``: what neighbouring tiles share at least; lower text is whole in one of them. ``large``: text from this
    height on is taken from the look at the whole picture, which is shrunk to ``glance`` pixels at most. ``least``:
    lines that were read with less confidence are left out (clear text is read with over 0.9, texture seldom with over
    0.6), and so are lines without a letter or digit. ``tiles``: the most tiles to look at, None for all.
    """

    side: int = 928
    overlap: int = 128
    glance: int = 1888
    large: float = 128.0
    least: float = 0.6
    tiles: int | None = None

    def __post_init__(self) -> None:
        if not 0 < 2 * self.overlap < self.side:
            raise UsageError(f"tiles of {self.side} pixels can't share {self.overlap}", mend="less than half")
        if self.glance < 1 or (self.tiles is not None and self.tiles < 0):
            raise UsageError("a reading plan's glance is at least 1 pixel and its tiles at least 0")


@dataclass(frozen=True)
class TextLine:
    """A line of text: what it says, where (pixels of the original), and how sure the reader is (0..1)."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True)
class Page:
    """What was read in a region, in the order of reading.

    ``tiles``: how many tiles the region has; ``blank``: how many of them hold nothing; ``left``: how many were not
    looked at, because the plan allows no more.
    """

    lines: tuple[TextLine, ...]
    tiles: int
    blank: int
    left: int

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)


@dataclass
class Notes:
    """What is known of a picture's text under one plan: places and texts by tile, never pixels."""

    spots: dict[int, list[Spot]] = field(default_factory=dict)
    blank: set[int] = field(default_factory=set)
    texts: dict[Spot, tuple[str, float]] = field(default_factory=dict)
    looks: int = 0


def read_page(image: Image, plan: ReadingPlan | None = None) -> Page:
    """Return the text of a picture or crop. Raises ``MissingExtra`` without rapidocr."""
    return PageReader(image, plan).read()


class PageReader:
    """Reads a picture (or crop), region by region; what was looked at once is not looked at again.

    ``notes`` of an earlier reader of the same picture with the same plan are gone on with. ``looks`` counts the tiles
    that were looked at. Boxes are in pixels of the original.
    """

    def __init__(self, image: Image, plan: ReadingPlan | None = None, notes: Notes | None = None) -> None:
        self.image, self.plan = image, plan or ReadingPlan()
        self.notes = notes if notes is not None else Notes()
        self.tiles = tile_boxes(image.box, self.plan.side, self.plan.overlap)

    @property
    def looks(self) -> int:
        return self.notes.looks

    def read(self, box: Box | None = None) -> Page:
        """Return the text of a region, of the whole picture without one."""
        for step in self._steps(self._region(box)):
            step()
        return self._page(self._region(box))

    async def aread(self, box: Box | None = None) -> Page:
        """Return the text of a region; other work goes on meanwhile, and it can be cancelled between two steps."""
        for step in self._steps(self._region(box)):
            await asyncio.to_thread(step)
        return self._page(self._region(box))

    def _region(self, box: Box | None) -> Box:
        return self.image.box if box is None else Box.of(*box).clip(self.image.box)

    def _steps(self, region: Box) -> Iterator[Callable[[], None]]:
        if min(self.image.size) < LEGIBLE or region.area <= 0:
            return
        if len(self.tiles) > 1 and GLANCE not in self.notes.spots:
            yield self._glance
        for index in self._chosen(region):
            yield partial(self._look, index)
        for spot in self._lines(region):
            if spot not in self.notes.texts:
                yield partial(self._read, spot)

    def _chosen(self, region: Box) -> list[int]:
        """Return the tiles to look at, the busiest first when the plan does not allow all."""
        ink = {
            i: int(strokes(self._pixels(self.tiles[i])).sum())
            for i in self._within(region)
            if i not in self.notes.spots
        }
        for index in [i for i, many in ink.items() if many < BUSY]:
            self.notes.blank.add(index)
            self.notes.spots[index] = []
            del ink[index]
        if self.plan.tiles is None or len(ink) <= (allowed := max(self.plan.tiles - self.notes.looks, 0)):
            return list(ink)
        return sorted(ink, key=lambda i: -ink[i])[:allowed]

    def _within(self, region: Box) -> list[int]:
        return [i for i, tile in enumerate(self.tiles) if tile.intersection(region) > 0]

    def _look(self, index: int) -> None:
        tile = self.tiles[index]
        pixels = self._pixels(tile)
        spots: list[Spot] = []
        for part in clusters(pixels):
            moved = part.shift(tile.left, tile.top)
            spots += self._spots_of(detect(pixels.crop(part.round())), index, moved, tile)
        self.notes.spots[index] = spots
        self.notes.looks += 1

    def _glance(self) -> None:
        """Look at the whole picture, shrunk to half its size at least."""
        from PIL import Image as Pillow

        whole = self.image.box
        scale = min(self.plan.glance / max(whole.width, whole.height), 0.5)
        size = (max(round(whole.width * scale), 1), max(round(whole.height * scale), 1))
        shrunk = self.image.origin.pixels.resize(
            size,
            Pillow.Resampling.BICUBIC,
            box=(whole.left, whole.top, whole.right, whole.bottom),
            reducing_gap=2.0,
        )
        scale = (whole.width / size[0], whole.height / size[1])
        self.notes.spots[GLANCE] = self._spots_of(detect(shrunk), GLANCE, whole, whole, scale)

    def _spots_of(
        self, quads: list[Quad], index: int, part: Box, tile: Box, scale: tuple[float, float] = (1.0, 1.0)
    ) -> list[Spot]:
        """Return the spots of what was detected in a part of a tile."""
        sx, sy = scale
        moved = (tuple((part.left + x * sx, part.top + y * sy) for x, y in quad) for quad in quads)
        spots = (make_spot(quad, index, tile, self.image.box) for quad in moved)
        return [spot for spot in spots if spot is not None]

    def _lines(self, region: Box) -> list[Spot]:
        # A copy, in a fixed order: another reader may share the notes, and look at tiles meanwhile.
        known = sorted(self.notes.spots.copy().items())
        seen = join([spot for index, spots in known if index != GLANCE for spot in spots])
        lines = settle(seen, self.notes.spots.get(GLANCE, ()), self.plan.large)
        return [spot for spot in lines if spot.box.intersection(region) > 0.5 * spot.box.area]

    def _page(self, region: Box) -> Page:
        within = self._within(region) if min(self.image.size) >= LEGIBLE else []
        lines = []
        for spot in self._lines(region):
            text, confidence = self.notes.texts.get(spot, ("", 0.0))
            if confidence >= self.plan.least and any(letter.isalnum() for letter in text):
                lines.append(TextLine(text, spot.box, confidence))
        order = in_order([line.box for line in lines])
        return Page(
            tuple(lines[i] for i in order),
            len(within),
            len(self.notes.blank.intersection(within)),
            sum(index not in self.notes.spots for index in within),
        )

    def _read(self, spot: Spot) -> None:
        pieces = [recognise(piece) for piece in _pieces(self._line_pixels(spot))]
        said = [(text, confidence) for text, confidence in pieces if text]
        length = sum(len(text) for text, _ in said)
        sure = sum(len(text) * confidence for text, confidence in said) / length if length else 0.0
        self.notes.texts[spot] = (" ".join(text for text, _ in said), sure)

    def _line_pixels(self, spot: Spot) -> PILImage:
        """Return a line as it is read, from left to right."""
        from PIL import Image as Pillow

        if spot.quad is None:
            pixels = self._pixels(spot.box)
        else:
            left_top, right_top, right_bottom, left_bottom = np.asarray(spot.quad)
            width = max(np.linalg.norm(right_top - left_top), np.linalg.norm(right_bottom - left_bottom))
            height = max(np.linalg.norm(left_bottom - left_top), np.linalg.norm(right_bottom - right_top))
            around = self._pixels(spot.box)
            corners = np.array([left_top, left_bottom, right_bottom, right_top]) - np.floor(spot.box[:2])
            pixels = around.transform(
                (max(round(float(width)), 1), max(round(float(height)), 1)),
                Pillow.Transform.QUAD,
                tuple(corners.ravel().tolist()),
                Pillow.Resampling.BICUBIC,
            )
        turned = pixels.height > 1.5 * pixels.width
        return pixels.transpose(Pillow.Transpose.ROTATE_90) if turned else pixels

    def _pixels(self, box: Box) -> PILImage:
        return self.image.origin.pixels.crop(box.round())


def tile_boxes(whole: Box, side: int, overlap: int) -> list[Box]:
    """Return the tiles of a region, row by row: at most ``side`` pixels, sharing at least ``overlap`` with the next."""
    columns, rows = (_starts(length, side, overlap) for length in (whole.width, whole.height))
    return [
        Box(x, y, x + side, y + side).shift(whole.left, whole.top).clip(whole) for y in rows for x in columns
    ]


def _starts(length: float, side: int, overlap: int) -> list[float]:
    if length <= side:
        return [0.0]
    count = int(-(-(length - overlap) // (side - overlap)))
    return [float(round(i * (length - side) / (count - 1))) for i in range(count)]


def _pieces(line: PILImage) -> list[PILImage]:
    """Return a line, cut at its widest gaps into pieces that are not too long."""
    piece, longest = round(PIECE * line.height), round(LONGEST * line.height)
    if line.width <= piece:
        return [line]
    gap = max(line.height // 4, 1)
    grey = np.asarray(line.convert("L"), dtype=np.int16)
    spread = grey.max(axis=0) - grey.min(axis=0)
    smooth = np.convolve(spread, np.ones(gap) / gap, mode="same")
    cuts = [0]
    while line.width - cuts[-1] > piece:
        near, far = (smooth[cuts[-1] + piece // 3 : cuts[-1] + reach] for reach in (piece, longest))
        # A word that is longer than a piece is not cut, unless it is longer than the longest piece, too.
        ahead = near if near.min() <= STEP or len(far) == len(near) else far
        cuts.append(cuts[-1] + piece // 3 + int(ahead.argmin()))
    edges = [*cuts, line.width]
    return [line.crop((a, 0, b, line.height)) for a, b in itertools.pairwise(edges)]
