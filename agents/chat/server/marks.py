"""Regions of a picture that a person marks by hand: boxes, and strokes of a brush."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from agentkit.content import Image
from agentkit.contracts.result import Contract
from agentkit.errors import UsageError

if TYPE_CHECKING:
    from agentkit.attention import Region

Box = tuple[float, float, float, float]
Point = tuple[float, float]


class Mark(Contract):
    """A region by hand, to look at or to ignore: a ``box`` (left, top, right, bottom), or a ``stroke`` of a brush.

    All in pixels of the picture; ``width`` is the brush's.
    """

    ignore: bool = False
    box: Box | None = None
    stroke: list[Point] = Field(default_factory=list, max_length=2000)
    width: float = Field(default=1.0, ge=1, le=100_000)

    @model_validator(mode="after")
    def _one(self) -> Mark:
        if (self.box is None) == (not self.stroke):
            raise ValueError("a mark is a box or a stroke")
        return self


def marked(image: Image, mark: Mark) -> np.ndarray:
    """Return the mask (height, width, bool) of a mark. Raises ``UsageError`` for one outside the picture."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    width, height = image.size
    canvas = Pillow.new("1", (width, height))
    draw = ImageDraw.Draw(canvas)
    if mark.box is not None:
        left, top, right, bottom = mark.box
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise UsageError(f"the box must lie in the picture of {width} x {height} pixels")
        # Pillow draws the last row and column, too.
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill=1)
        return np.asarray(canvas)
    if not all(0 <= x <= width and 0 <= y <= height for x, y in mark.stroke):
        raise UsageError(f"the stroke must lie in the picture of {width} x {height} pixels")
    radius = mark.width / 2
    if len(mark.stroke) > 1:
        draw.line(mark.stroke, fill=1, width=max(1, round(mark.width)))
    for x, y in mark.stroke:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return np.asarray(canvas)


def union(image: Image, masks: Sequence[np.ndarray]) -> Region | None:
    """Return the region of several masks together, None for none."""
    from agentkit.attention import Region

    return Region.of_mask(image, np.logical_or.reduce(masks)) if masks else None
