"""One picture of things that lie far apart: each enlarged, all in their places relative to each other.

For models that see one picture at a time and little of it. The published working memory (V*) gives the model one
crop a thing and its coordinates as text, which such models cannot take.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.content import Box, Image

from .geometry import close_up, cover

SIDE = 384
# Side of one enlarged thing with a little of its surroundings, as a share of the collage.
CELL = 0.28
AROUND = 1.5


def small_in(view: Box, boxes: Sequence[Box], share: float = 0.12) -> bool:
    """Return whether some thing is less than ``share`` of a view's longer side."""
    longest = max(view.width, view.height)
    return any(max(box.width, box.height) < share * longest for box in boxes)


def collage(image: Image, boxes: Sequence[Box]) -> Image:
    """Return a square picture: the region around all boxes, shrunk, and on it every thing enlarged.

    Directions between the things are kept: their centres are the original ones, moved and scaled alike.
    """
    from PIL import Image as Pillow

    frame = image.crop(close_up(cover(boxes), image.size, 1.0, square=True)).pixels
    canvas = frame.resize((SIDE, SIDE), Pillow.Resampling.BILINEAR)
    cell = round(SIDE * CELL)
    for box, (x, y) in zip(boxes, places(boxes), strict=True):
        near = image.crop(close_up(box, image.size, AROUND, square=True)).pixels
        canvas.paste(near.resize((cell, cell), Pillow.Resampling.BILINEAR), (round(x), round(y)))
    return Image.of_pixels(canvas)


def places(boxes: Sequence[Box]) -> list[tuple[float, float]]:
    """Return the left top corner of every thing's cell on the collage, in its pixels."""
    room = SIDE * (1 - CELL)
    centers = [box.center for box in boxes]
    left, top = min(x for x, _ in centers), min(y for _, y in centers)
    wide, high = max(x for x, _ in centers) - left, max(y for _, y in centers) - top
    scale = room / max(wide, high, 1.0)
    dx, dy = (room - wide * scale) / 2, (room - high * scale) / 2
    return [((x - left) * scale + dx, (y - top) * scale + dy) for x, y in centers]
