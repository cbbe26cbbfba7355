"""Axis-aligned boxes in pixels of the original picture: left, top, right, bottom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import UsageError


class Box(NamedTuple):
    """A box in pixels: ``left <= right``, ``top <= bottom``; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, left: float, top: float, right: float, bottom: float) -> Box:
        """Return a checked box. Raises ``UsageError`` for NaN, infinite or inverted coordinates."""
        box = cls(left, top, right, bottom)
        if not all(math.isfinite(v) for v in box):
            raise UsageError(f"a box needs finite coordinates, got {tuple(box)}")
        if left > right or top > bottom:
            raise UsageError(f"a box is (left, top, right, bottom), got {tuple(box)}")
        return box

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def clip(self, to: Box) -> Box:
        """Return the part inside ``to`` (a degenerate box on its border when they do not meet)."""
        left = min(max(self.left, to.left), to.right)
        top = min(max(self.top, to.top), to.bottom)
        right = max(left, min(max(self.right, to.left), to.right))
        bottom = max(top, min(max(self.bottom, to.top), to.bottom))
        return Box(left, top, right, bottom)

    def shift(self, dx: float, dy: float) -> Box:
        """Return the box moved by ``(dx, dy)`` pixels."""
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def scale(self, sx: float, sy: float | None = None) -> Box:
        """Return the box with x multiplied by ``sx`` and y by ``sy`` (default: ``sx``)."""
        sy = sx if sy is None else sy
        return Box(self.left * sx, self.top * sy, self.right * sx, self.bottom * sy)

    def grow(self, factor: float) -> Box:
        """Return the box with its sides multiplied by ``factor`` about its centre."""
        (cx, cy), w, h = self.center, self.width * factor / 2, self.height * factor / 2
        return Box(cx - w, cy - h, cx + w, cy + h)

    def at_least(self, width: float, height: float) -> Box:
        """Return the box enlarged about its centre to at least ``width`` x ``height``."""
        (cx, cy), w, h = self.center, max(self.width, width) / 2, max(self.height, height) / 2
        return Box(cx - w, cy - h, cx + w, cy + h)

    def union(self, other: Box) -> Box:
        """Return the smallest box that covers both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def intersection(self, other: Box) -> float:
        """Return the area that both boxes cover."""
        w = min(self.right, other.right) - max(self.left, other.left)
        h = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(w, 0.0) * max(h, 0.0)

    def iou(self, other: Box) -> float:
        """Return intersection over union, 0 for two empty boxes."""
        inside = self.intersection(other)
        whole = self.area + other.area - inside
        return inside / whole if whole > 0 else 0.0

    def round(self) -> tuple[int, int, int, int]:
        """Return the smallest box of whole pixels that covers this one."""
        return math.floor(self.left), math.floor(self.top), math.ceil(self.right), math.ceil(self.bottom)


def box_text(box: Sequence[float]) -> str:
    """Return a box in whole pixels: ``(left, top, right, bottom)``."""
    return "(" + ", ".join(f"{value:.0f}" for value in box) + ")"
