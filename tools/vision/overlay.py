"""Boxes drawn on a picture."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.content import Box, Image
from agentkit.errors import ToolError, UsageError
from agentkit.toolset import tool

# Told apart also by people who do not see all colours (Okabe and Ito).
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442")


@tool(read=True)
def overlay(image: Image, boxes: list[list[float]], labels: list[str] | None = None) -> Image:
    """Draw boxes with labels on a picture.

    Args:
        image: The picture or crop to draw on.
        boxes: Boxes as [left, top, right, bottom] in pixels of the original picture.
        labels: A label for each box; left out, the boxes are numbered from 1.
    """
    if labels is not None and len(labels) != len(boxes):
        raise ToolError(f"{len(boxes)} boxes but {len(labels)} labels")
    names = labels if labels is not None else [str(number) for number in range(1, len(boxes) + 1)]
    return Image.of_pixels(_draw(image, [_box(box) for box in boxes], names))


def _box(values: Sequence[float]) -> Box:
    if len(values) != 4:
        raise ToolError(f"a box is [left, top, right, bottom], got {list(values)}")
    try:
        return Box.of(*values)
    except UsageError as error:
        raise ToolError(str(error)) from error


def _draw(image: Image, boxes: Sequence[Box], labels: Sequence[str]):
    from PIL import ImageDraw, ImageFont

    picture = image.pixels.copy()
    draw = ImageDraw.Draw(picture)
    line = max(round(max(picture.size) / 400), 1)
    font = ImageFont.load_default(max(line * 6, 10))
    for index, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        shown = box.shift(-image.box.left, -image.box.top).clip(Box(0, 0, *picture.size))
        colour = COLOURS[index % len(COLOURS)]
        draw.rectangle(tuple(shown), outline=colour, width=line)
        if label:
            left, top, right, bottom = draw.textbbox((shown.left, shown.top), label, font=font, anchor="ld")
            down = max(-top, 0)
            draw.rectangle((left, top + down, right + line, bottom + down), fill=colour)
            draw.text((left, top + down), label, fill="white", font=font, anchor="la")
    return picture
