"""Where to look: heat on cells of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.content import Box


@dataclass(frozen=True)
class Heat:
    """A heat map as cells: (box in pixels of the original, heat a pixel >= 0). It is 0 outside of them.

    Cells may be the squares of an attention grid, the sub-patches of a region, or one box of a detector.
    """

    cells: tuple[tuple[Box, float], ...] = ()

    @classmethod
    def of(cls, boxes: Sequence[Box], values: Sequence[float]) -> Heat:
        """Return the heat of cells; negative values count as 0 (V*: mask logits are clamped)."""
        return cls(tuple((box, max(float(v), 0.0)) for box, v in zip(boxes, values, strict=True)))

    @property
    def peak(self) -> float:
        """The hottest cell's value, 0 when there is none."""
        return max((value for _, value in self.cells), default=0.0)

    @property
    def mass(self) -> float:
        """Heat times area, summed."""
        return sum(value * box.area for box, value in self.cells)

    def normalised(self) -> Heat:
        """Return the heat scaled to 0..1 from its lowest to its highest cell; all zeros when it is constant (V*)."""
        low, high = min((v for _, v in self.cells), default=0.0), self.peak
        span = high - low
        return Heat(tuple((box, (v - low) / span if span > 0 else 0.0) for box, v in self.cells))

    def share(self, box: Box) -> float:
        """Return how much of the mass lies inside ``box`` (cells are uniform inside); 0 without any mass."""
        total = self.mass
        if total <= 0:
            return 0.0
        inside = sum(value * cell.intersection(box) for cell, value in self.cells)
        return min(inside / total, 1.0)

    def dump(self) -> list[list[float]]:
        """Return plain JSON data: one [left, top, right, bottom, value] a cell."""
        return [[*box, value] for box, value in self.cells]

    @classmethod
    def load(cls, data: Sequence[Sequence[float]]) -> Heat:
        """Return the heat of ``dump``."""
        return cls(tuple((Box(*row[:4]), row[4]) for row in data))
