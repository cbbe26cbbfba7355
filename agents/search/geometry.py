"""Geometry of a visual search: how regions split, what is shown of one, which boxes are the same thing.

Boxes are (left, top, right, bottom) in pixels of the original. Everything here is pure.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from agentkit.content import Box

# V*: a region twice as long as wide is cut in four along its length.
LONG = 2.0


def whole(size: tuple[int, int]) -> Box:
    """Return the box of a whole picture of ``size`` (width, height)."""
    return Box(0.0, 0.0, float(size[0]), float(size[1]))


def split(box: Box) -> list[Box]:
    """Return the sub-patches of a region, row by row (V*, split rule).

    Height at least twice the width: 1 column x 4 rows; at most half of it: 4 columns x 1 row; else 2 x 2. Strides
    are whole pixels, rounded down; the last row and column take the remainder. A region too small to be cut
    that often gives fewer parts, one pixel gives none.
    """
    if box.width < 1 or box.height < 1:
        return []
    shape = box.height / box.width
    columns, rows = (1, 4) if shape >= LONG else (4, 1) if shape <= 1 / LONG else (2, 2)
    across, down = _cuts(box.left, box.right, columns), _cuts(box.top, box.bottom, rows)
    parts = [Box(left, top, right, bottom) for top, bottom in down for left, right in across]
    return parts if len(parts) > 1 else []


def _cuts(start: float, end: float, count: int) -> list[tuple[float, float]]:
    stride = (end - start) // count
    edges = [start + stride * i for i in range(count)] + [end]
    return [(a, b) for a, b in itertools.pairwise(edges) if b > a]


def view(box: Box, size: tuple[int, int], *, margin: float = 1.0, square: bool = False) -> Box:
    """Return what a model is shown of a region: enlarged by ``margin``, made square if asked, inside the picture.

    It always holds the region. Enlarging keeps a thing whole that lies on the border of two regions; a square
    costs nothing for a model that pads to one. At the picture's border the view is pushed inwards, not cut.
    """
    width, height = box.width * margin, box.height * margin
    if square:
        width = height = max(width, height)
    return _placed(box, max(width, 1.0), max(height, 1.0), size)


def close_up(box: Box, size: tuple[int, int], times: float, *, square: bool = False) -> Box:
    """Return the region around a thing, ``times`` as large as its box (V*, visual working memory: 1.2)."""
    return view(box, size, margin=times, square=square)


def _placed(box: Box, width: float, height: float, size: tuple[int, int]) -> Box:
    frame = whole(size)
    width, height = min(width, frame.width), min(height, frame.height)
    cx, cy = box.center
    left = min(max(cx - width / 2, 0.0), frame.width - width)
    top = min(max(cy - height / 2, 0.0), frame.height - height)
    placed = Box(left, top, left + width, top + height)
    return Box(*map(float, placed.union(box.clip(frame)).round())).clip(frame)


def share(box: Box, of: Box) -> float:
    """Return the share of ``of``'s area that lies inside ``box`` (0 for an empty one)."""
    return box.intersection(of) / of.area if of.area > 0 else 0.0


def suppress(found: Iterable[tuple[Box, float]], overlap: float = 0.5) -> list[tuple[Box, float]]:
    """Return (box, confidence) pairs, best first, without those that overlap a better one (IoU > ``overlap``)."""
    kept: list[tuple[Box, float]] = []
    for box, confidence in sorted(found, key=lambda item: -item[1]):
        if all(box.iou(other) <= overlap for other, _ in kept):
            kept.append((box, confidence))
    return kept


def same_thing(a: Box, b: Box) -> bool:
    """Return whether two boxes are of one thing: they overlap well, or each holds the other's centre."""

    def holds(box: Box, point: tuple[float, float]) -> bool:
        return box.left <= point[0] <= box.right and box.top <= point[1] <= box.bottom

    return a.iou(b) > 0.3 or (holds(a, b.center) and holds(b, a.center))


def cover(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that covers all of ``boxes`` (at least one)."""
    result = boxes[0]
    for box in boxes[1:]:
        result = result.union(box)
    return result
