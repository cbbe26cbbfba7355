"""ZoomEye's view for models that take several pictures: the whole, with the region framed in it, and the zoom.

arXiv 2411.16044, the published code's "global and local" view: the whole picture shrunk, a red rectangle around each
region, then the zoom on all of them. Published, and kept: a frame as thick as the padded square's side // 120; boxes
nearer than 50 pixels are merged; the zoom is the union. Not kept: the frame that should turn blue where the question
speaks of a red rectangle (in the published code that change never reaches the model).
"""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.content import Box, Image, Message
from agentkit.models.base import Model

from .answer import Answer, answer, listing
from .geometry import cover, view

# Longer side of the shrunk whole, in pixels; how near (pixels of the original) boxes are merged; room around a zoom.
WHOLE_SIDE, NEAR, ROOM = 448, 50.0, 1.2
RED = "#ff0000"


def merge_near(boxes: Sequence[Box], near: float = NEAR) -> list[Box]:
    """Return boxes merged, again and again, while two of them are nearer than ``near`` pixels on both axes."""
    merged = list(boxes)
    index = 0
    while index < len(merged):
        box = merged[index]
        grown = Box(box.left - near, box.top - near, box.right + near, box.bottom + near)
        touching = [i for i, other in enumerate(merged) if i != index and grown.intersection(other) > 0]
        if not touching:
            index += 1
            continue
        joint = cover([box, *(merged[i] for i in touching)])
        merged = [other for i, other in enumerate(merged) if i != index and i not in touching] + [joint]
        index = 0
    return merged


def frame(image: Image, boxes: Sequence[Box], least: int) -> tuple[Image, Image]:
    """Return the whole picture with frames around ``boxes`` (pixels of it), and the zoom on all of them.

    The zoom is at least ``least`` pixels wide and high, where the picture is.
    """
    from PIL import ImageDraw

    merged = merge_near(boxes)
    scale = min(WHOLE_SIDE / max(image.size), 1.0)
    size = (max(round(image.size[0] * scale), 1), max(round(image.size[1] * scale), 1))
    whole = image.shrunk(WHOLE_SIDE).resize(size)
    draw = ImageDraw.Draw(whole)
    for box in merged:
        draw.rectangle(tuple(box.scale(scale)), outline=RED, width=max(max(size) // 120, 1))
    zoom = cover(merged).at_least(least, least)
    return Image.of_pixels(whole), image.crop(view(zoom.clip(image.box), image.size, margin=ROOM))


async def answer_framed(
    model: Model, image: Image, boxes: Sequence[Box], question: str, options: Sequence[str] = ()
) -> Answer:
    """Answer from the whole picture with all finds framed, and the zoom on them."""
    whole, zoom = frame(image, boxes, model.card.input_size or WHOLE_SIDE)
    return await answer(model, Message.user(whole, zoom, listing(model, question, options)), options)
