"""Text in pictures, read by RapidOCR (PP-OCR models that lie in its package)."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agentkit.content import Box, Image
from agentkit.errors import MissingExtra, ToolError
from agentkit.toolset import tool

from .region import tiles

# RapidOCR shrinks what is larger than 2000 pixels, and overlooks a lone small word in a region of 1300: larger
# pictures are read in tiles of at most this side, with a lower threshold than its own 0.5.
SIDE = 1000
BOX_THRESHOLD = 0.3
OVERLAP = 0.15
MOST_TILES = 256


@dataclass(frozen=True)
class TextLine:
    """A line of text: what it says, where (pixels of the original), and how sure the reader is (0..1)."""

    text: str
    box: Box
    confidence: float


@tool(read=True)
async def ocr(image: Image) -> list[TextLine]:
    """Read the text in a picture or crop, line by line from top to bottom.

    Args:
        image: The picture or crop to read.
    """
    return await asyncio.to_thread(read_lines, image)


def read_lines(image: Image) -> list[TextLine]:
    """Return the lines of text; large pictures are read in overlapping tiles.

    Raises ``MissingExtra`` without rapidocr, ``ToolError`` for a picture of more than 256 tiles.
    """
    engine = _engine()
    columns = math.ceil(image.box.width / SIDE)
    rows = math.ceil(image.box.height / SIDE)
    if columns * rows > MOST_TILES:
        raise ToolError(f"a picture of {image.size} pixels is too large to read", mend="read a region of it")
    lines: list[TextLine] = []
    for box in tiles(image.box, columns, rows, OVERLAP if columns * rows > 1 else 0.0):
        for line in _read(engine, image.crop(box)):
            _join(lines, line)
    return sorted(lines, key=lambda line: (round(line.box.top), line.box.left))


def _read(engine: Any, image: Image) -> list[TextLine]:
    import numpy as np

    # RapidOCR takes arrays in the order blue, green, red.
    found = engine(np.ascontiguousarray(np.asarray(image.pixels)[:, :, ::-1]), box_thresh=BOX_THRESHOLD)
    if found.boxes is None or found.txts is None or found.scores is None:
        return []
    return [
        TextLine(text, _bounds(corners, image), float(score))
        for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        if text.strip()
    ]


def _bounds(corners: Any, image: Image) -> Box:
    left, top = (float(value) for value in corners.min(axis=0))
    right, bottom = (float(value) for value in corners.max(axis=0))
    return Box(left, top, right, bottom).shift(image.box.left, image.box.top).clip(image.box)


def _join(lines: list[TextLine], line: TextLine) -> None:
    """Add a line unless it is there already; of two readings of one place, the longer box is the whole one."""
    for index, other in enumerate(lines):
        smaller = min(line.box.area, other.box.area)
        if smaller > 0 and line.box.intersection(other.box) / smaller > 0.5:
            if line.box.area > other.box.area:
                lines[index] = line
            return
    lines.append(line)


@lru_cache(maxsize=1)
def _engine() -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingExtra("rapidocr", "vision") from error
    return RapidOCR(params={"Global.log_level": "error"})
