"""For people: the attention on a picture as a heat map over it, and on heads as a table of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

    from ...content import Box, Image

# From cold to hot; readable in print and with a colour weakness.
COLOURS = np.array([(126, 3, 168), (204, 71, 120), (248, 149, 64), (240, 249, 33)], np.float32)
# The picture is dimmed, and the heat covers up to this share of it: what is cold keeps its own colour.
DIM, HOT = 0.7, 0.75
SIDE = 1600
MARK = (0, 255, 160)


def overlay(
    image: Image,
    heat: np.ndarray,
    view: tuple[float, float, float, float],
    *,
    boxes: Sequence[Box | tuple[float, float, float, float]] = (),
    smooth: bool = False,
    side: int = SIDE,
) -> PILImage:
    """Return a picture with the heat of its cells over it.

    ``heat``: (height, width) of the grid, 0 or more; the hottest cell sets the scale. ``view``: the box that the grid
    covers, in pixels of the image; it may reach beyond it (``Span.view``). ``boxes`` (pixels of the image) are
    outlined. ``smooth``: shades between the cells' centres, instead of plain cells. ``side``: the longest side of the
    result, in pixels. Raises ``UsageError`` for heat that is not a finite grid.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    if heat.ndim != 2 or not heat.size or not np.isfinite(heat).all() or heat.min() < 0:
        raise UsageError(f"heat is a grid (height, width) of finite numbers, 0 or more, not {heat.shape}")
    pixels = image.pixels.copy()
    pixels.thumbnail((side, side))
    scale = pixels.width / image.size[0], pixels.height / image.size[1]
    values = _spread(heat, view, image.size, pixels.size, smooth)[..., None]
    stops = np.linspace(0, 1, len(COLOURS))
    colours = np.stack(
        [np.interp(values[..., 0], stops, COLOURS[:, channel]) for channel in range(3)], axis=-1
    )
    # The root shows what is warm beside what is hot.
    share = HOT * np.sqrt(values)
    mixed = np.asarray(pixels, np.float32) * DIM * (1 - share) + colours * share
    result = Pillow.fromarray(mixed.round().astype(np.uint8))
    draw = ImageDraw.Draw(result)
    for left, top, right, bottom in boxes:
        corners = (left * scale[0], top * scale[1], right * scale[0] - 1, bottom * scale[1] - 1)
        corners = (*corners[:2], max(corners[0], corners[2]), max(corners[1], corners[3]))
        draw.rectangle(corners, outline=MARK, width=max(2, max(result.size) // 300))
    return result


def _spread(
    heat: np.ndarray,
    view: tuple[float, float, float, float],
    size: tuple[int, int],
    shown: tuple[int, int],
    smooth: bool,
) -> np.ndarray:
    """Return the heat of each pixel (height, width) of a shown picture, 0 to 1; 0 outside the view."""
    height, width = heat.shape
    left, top, right, bottom = view
    scaled = heat / max(float(heat.max()), 1e-12)
    # Where each pixel's centre lies on the grid, in cells.
    xs = ((np.arange(shown[0]) + 0.5) * size[0] / shown[0] - left) / (right - left) * width
    ys = ((np.arange(shown[1]) + 0.5) * size[1] / shown[1] - top) / (bottom - top) * height
    inside = ((ys >= 0) & (ys < height))[:, None] & ((xs >= 0) & (xs < width))[None]
    rows, columns = _weights(ys, height, smooth), _weights(xs, width, smooth)
    return (rows @ scaled @ columns.T) * inside


def _weights(places: np.ndarray, count: int, smooth: bool) -> np.ndarray:
    """Return how much of each cell (places, count) a place takes: its own cell, or the two nearest centres."""
    cells = np.arange(count)
    if smooth:
        centres = np.clip(places - 0.5, 0, count - 1)
        return np.maximum(0.0, 1.0 - np.abs(centres[:, None] - cells[None]))
    own = np.clip(np.floor(places), 0, count - 1)
    return (own[:, None] == cells[None]).astype(float)


def head_table(
    shares: np.ndarray | Sequence[Sequence[float]],
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> str:
    """Return shares (layers, heads), 0 to 1 each, as a table in per cent, a layer a line.

    ``layers`` and ``heads``: their numbers, from 0 on by default. The last column and line are means.
    """
    values = np.asarray(shares)
    layers = range(values.shape[0]) if layers is None else layers
    heads = range(values.shape[1]) if heads is None else heads
    width = max(7, *(len(str(head)) + 2 for head in heads))
    lines = ["layer".ljust(7) + "".join(f"h{head}".rjust(width) for head in heads) + "mean".rjust(width + 2)]
    rows = [*zip(map(str, layers), values, strict=True), ("mean", values.mean(0))]
    for name, row in rows:
        cells = "".join(f"{100 * value:.1f}".rjust(width) for value in row)
        lines.append(name.ljust(7) + cells + f"{100 * row.mean():.1f}".rjust(width + 2))
    return "\n".join(lines) + "\n"
