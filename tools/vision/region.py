"""Regions of a picture: crop, zoom, tile."""

from __future__ import annotations

from agentkit.content import Box, Image
from agentkit.errors import ToolError, UsageError
from agentkit.toolset import tool

MOST_TILES = 400
# The longest side in pixels of an enlarged region.
LARGEST = 2048


@tool(read=True)
def crop(image: Image, left: float, top: float, right: float, bottom: float) -> Image:
    """Cut a region out of a picture.

    Args:
        image: The picture; a crop stands for its original.
        left: Left edge in pixels of the original picture.
        top: Top edge.
        right: Right edge.
        bottom: Bottom edge.
    """
    return _cut(image, left, top, right, bottom)


@tool(read=True)
def zoom(
    image: Image, left: float, top: float, right: float, bottom: float, times: float | None = None
) -> Image:
    """Cut a region out of a picture and enlarge it, so that small things can be seen.

    Args:
        image: The picture; a crop stands for its original.
        left: Left edge in pixels of the original picture.
        top: Top edge.
        right: Right edge.
        bottom: Bottom edge.
        times: How many times larger; left out, the longer side becomes 1024 pixels (but never smaller).
    """
    from PIL import Image as Pillow

    region = _cut(image, left, top, right, bottom).pixels
    longest = max(region.size)
    factor = max(1024 / longest, 1.0) if times is None else times
    if not factor > 0:
        raise ToolError(f"times must be above 0, got {times}")
    factor = min(factor, max(LARGEST / longest, 1.0))
    width, height = (max(round(side * factor), 1) for side in region.size)
    return Image.of_pixels(region.resize((width, height), Pillow.Resampling.LANCZOS))


@tool(read=True)
def tile(image: Image, columns: int, rows: int, overlap: float = 0.1) -> list[Image]:
    """Cut a picture into a grid of overlapping regions, row by row.

    Args:
        image: The picture or crop to cut.
        columns: How many regions side by side.
        rows: How many regions one above the other.
        overlap: Share of a region by which it is enlarged, so that a thing on an edge is whole in one of them.
    """
    width, height = image.box.width, image.box.height
    if not (1 <= columns <= width and 1 <= rows <= height and columns * rows <= MOST_TILES):
        raise ToolError(
            f"{columns} x {rows} tiles of a picture of {width:g} x {height:g} pixels",
            mend=f"at least a pixel a tile, and at most {MOST_TILES} tiles",
        )
    if not 0 <= overlap <= 1:
        raise ToolError(f"overlap is a share from 0 to 1, got {overlap}")
    return [image.crop(box) for box in tiles(image.box, columns, rows, overlap)]


def tiles(box: Box, columns: int, rows: int, overlap: float) -> list[Box]:
    """Return the boxes of a grid over ``box``, each enlarged by ``overlap`` of its side and clipped to ``box``."""
    width, height = box.width / columns, box.height / rows
    cells = (
        Box(
            box.left + width * column,
            box.top + height * row,
            box.left + width * (column + 1),
            box.top + height * (row + 1),
        )
        for row in range(rows)
        for column in range(columns)
    )
    return [cell.grow(1 + overlap).clip(box) for cell in cells]


def _cut(image: Image, left: float, top: float, right: float, bottom: float) -> Image:
    try:
        box = Box.of(left, top, right, bottom)
        if box.area <= 0:
            raise UsageError(f"the box {tuple(box)} is empty")
        return image.crop(box)
    except UsageError as error:
        raise ToolError(str(error)) from error
