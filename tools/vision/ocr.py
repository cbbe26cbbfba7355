"""The tool that reads text in pictures."""

from __future__ import annotations

from agentkit.content import Image
from agentkit.errors import ToolError
from agentkit.toolset import tool

from .page import PageReader, ReadingPlan, TextLine

MOST_TILES = 256


@tool(read=True)
async def ocr(image: Image) -> list[TextLine]:
    """Read the text in a picture or crop, line by line from top to bottom.

    Args:
        image: The picture or crop to read.
    """
    reader = PageReader(image, ReadingPlan(tiles=MOST_TILES))
    if len(reader.tiles) > MOST_TILES:
        raise ToolError(f"a picture of {image.size} pixels is too large to read", mend="read a region of it")
    return list((await reader.aread()).lines)
