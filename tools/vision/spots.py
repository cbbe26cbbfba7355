"""Places that look like text, found in overlapping tiles, put together to whole lines. Everything here is pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from agentkit.content import Box

Quad: TypeAlias = tuple[tuple[float, float], ...]

# Corners whose area is less than this share of their bounding box's are a slanted line.
SLANTED = 0.75
# A spot nearer than this to an inner edge of its tile may go on beyond it (pixels).
NEAR = 4.0
# Two spots of one line share at least this part of the lower one's height; no line is over twice as high as its part.
LEVEL, TALLER = 0.5, 2.0
# Two spots are the same thing when they share more than this part of the smaller one's area.
SAME = 0.5
# A spot higher than it is wide by this factor is read from the top down.
UPRIGHT = 1.5
# A large spot that holds more lines than this, all lower than this part of its height, is a paragraph.
LINES, LOWER = 3, 0.4


@dataclass(frozen=True)
class Spot:
    """A place that looks like text. ``box`` in pixels of the original, ``quad`` its corners when it is slanted.

    ``tile`` is where it was found. ``cut``: it touches an edge of its tile across the direction of reading, so
    that part of its letters' height may be missing.
    """

    box: Box
    tile: int
    quad: Quad | None = None
    cut: bool = False

    @property
    def downwards(self) -> bool:
        return self.box.height > UPRIGHT * self.box.width

    @property
    def thickness(self) -> float:
        """The height of a line, the width of one that is read downwards."""
        return min(self.box.width, self.box.height) if self.downwards else self.box.height


def make_spot(quad: Quad, tile: int, frame: Box, whole: Box) -> Spot | None:
    """Return the spot of corners in pixels of the original, found in the tile ``frame`` of the picture ``whole``.

    None when nothing of it lies inside.
    """
    xs, ys = [x for x, _ in quad], [y for _, y in quad]
    box = Box(min(xs), min(ys), max(xs), max(ys)).clip(frame)
    if box.area <= 0:
        return None
    slanted = _area(quad) < SLANTED * box.area
    spot = Spot(box, tile, quad if slanted else None)
    low, high = (0, 2) if spot.downwards else (1, 3)
    before = box[low] - frame[low] < NEAR and frame[low] > whole[low]
    after = frame[high] - box[high] < NEAR and frame[high] < whole[high]
    return replace(spot, cut=before or after)


def join(spots: Sequence[Spot]) -> list[Spot]:
    """Return whole lines: the parts of a line from different tiles become one, and what was seen twice stays once."""
    if not spots:
        return []
    boxes = np.array([spot.box for spot in spots], dtype=float)
    tiles = np.array([spot.tile for spot in spots])
    kept = [i for i, spot in enumerate(spots) if not (spot.cut and _covered(i, boxes, tiles))]
    boxes, tiles, spots = boxes[kept], tiles[kept], [spots[i] for i in kept]
    return [_union([spots[i] for i in group]) for group in _groups(boxes, tiles, spots)]


def settle(lines: Sequence[Spot], glanced: Iterable[Spot], large: float) -> list[Spot]:
    """Return the lines of the tiles with those of a look at the whole picture that know better.

    A glanced spot of at least ``large`` pixels replaces the lines in it (its letters, or parts of them), unless they
    are many and low: then it is a paragraph seen from afar. A smaller one counts only where the tiles saw nothing.
    """
    result = list(lines)
    for spot in sorted(glanced, key=lambda s: -s.box.area):
        inside = [line for line in result if _same(line.box, spot.box)]
        if not inside:
            result.append(spot)
            continue
        if spot.thickness < large:
            continue
        low = [line for line in inside if _across(line, spot) < LOWER * spot.thickness]
        if len(low) > LINES or any(line.box.area > spot.box.area for line in inside):
            continue
        parts = {id(line) for line in inside} - {id(line) for line in low}
        result = [line for line in result if id(line) not in parts]
        result.append(spot)
    return result


def in_order(boxes: Sequence[Box]) -> list[int]:
    """Return indices in the order of reading: rows from the top, each from the left."""
    rows: list[list[int]] = []
    bottom = float("-inf")
    for i in sorted(range(len(boxes)), key=lambda i: boxes[i].center[1]):
        middle = boxes[i].center[1]
        if rows and middle < bottom:
            rows[-1].append(i)
        else:
            rows.append([i])
            # What has its middle above the bottom half of the row's first line is beside it.
            bottom = middle + boxes[i].height / 2
    return [i for row in rows for i in sorted(row, key=lambda i: boxes[i].left)]


def _covered(index: int, boxes: np.ndarray, tiles: np.ndarray) -> bool:
    """Return whether a spot from another tile shows at least as much across, and covers this one."""
    box = boxes[index]
    inside = _shared(box, boxes)
    area = (box[2] - box[0]) * (box[3] - box[1])
    higher = (boxes[:, 3] - boxes[:, 1] >= box[3] - box[1]) & (boxes[:, 2] - boxes[:, 0] > 0)
    return bool(np.any((tiles != tiles[index]) & higher & (inside > SAME * area)))


def _groups(boxes: np.ndarray, tiles: np.ndarray, spots: Sequence[Spot]) -> list[list[int]]:
    parent = list(range(len(spots)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    slanted = np.array([spot.quad is not None for spot in spots])
    downwards = np.array([spot.downwards for spot in spots])
    for i in range(len(spots)):
        rest = slice(i + 1, None)
        mates = _mates(boxes[i], boxes[rest], bool(slanted[i]), slanted[rest])
        mates &= (tiles[rest] != tiles[i]) & (downwards[rest] == downwards[i])
        for j in np.flatnonzero(mates):
            parent[root(i + 1 + int(j))] = root(i)
    groups: dict[int, list[int]] = {}
    for i in range(len(spots)):
        groups.setdefault(root(i), []).append(i)
    return list(groups.values())


def _mates(box: np.ndarray, others: np.ndarray, slanted: bool, also: np.ndarray) -> np.ndarray:
    """Return which of the other spots belong to the same line."""
    sides, others_sides = box[2:] - box[:2], others[:, 2:] - others[:, :2]
    # What is much higher and much wider is another thing: a texture that looks like large text, around a line.
    alike = (np.maximum(sides, others_sides) <= TALLER * np.minimum(sides, others_sides)).any(axis=1)
    same = alike & (_shared(box, others) > SAME * np.minimum(sides.prod(), others_sides.prod(axis=1)))
    # The bounding boxes of slanted lines that lie side by side overlap: only the same one again is the same.
    in_line = np.zeros(len(others), dtype=bool) if slanted else _in_line(box, others) & ~also
    return same | in_line


def _in_line(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    down = box[3] - box[1] > UPRIGHT * (box[2] - box[0])
    along, across = ((1, 3), (0, 2)) if down else ((0, 2), (1, 3))
    height = box[across[1]] - box[across[0]]
    heights = others[:, across[1]] - others[:, across[0]]
    low, high = np.minimum(height, heights), np.maximum(height, heights)
    level = np.minimum(box[across[1]], others[:, across[1]]) - np.maximum(
        box[across[0]], others[:, across[0]]
    )
    touching = np.minimum(box[along[1]], others[:, along[1]]) - np.maximum(box[along[0]], others[:, along[0]])
    return (level >= LEVEL * low) & (high <= TALLER * low) & (touching > 0)


def _shared(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    return np.maximum(width, 0.0) * np.maximum(height, 0.0)


def _union(group: Sequence[Spot]) -> Spot:
    largest = max(group, key=lambda spot: spot.box.area)
    if largest.quad is not None:
        return largest
    box = largest.box
    for spot in group:
        box = box.union(spot.box)
    return replace(largest, box=box, cut=all(spot.cut for spot in group))


def _across(line: Spot, spot: Spot) -> float:
    """Return a line's extent across the direction in which ``spot`` is read."""
    return line.box.width if spot.downwards else line.box.height


def _same(a: Box, b: Box) -> bool:
    smaller = min(a.area, b.area)
    return smaller > 0 and a.intersection(b) > SAME * smaller


def _area(quad: Quad) -> float:
    pairs = zip(quad, (*quad[1:], quad[0]), strict=True)
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2
