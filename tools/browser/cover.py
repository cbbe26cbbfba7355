"""Pictures of a page with what shows a secret painted over.

The page is not told what is looked for: its texts come to Python, are searched there, and only the places of what was
found are asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from agentkit.content import Box, Image
from agentkit.errors import ToolError

if TYPE_CHECKING:
    from playwright.async_api import Frame

    from .session import BrowserSession

MAX_FRAMES = 20
COLOUR = "#444444"
# Pixels around what is covered: letters reach out of their boxes.
MARGIN = 2

# Reads all texts in order, and keeps who they belong to: text nodes, fields, and what is shown for want of a value.
# ``null`` stands for a password that is not empty: it shows its length.
_TEXTS = """(() => {
  const owners = kit.texts = [], out = [];
  const put = (owner, text) => { owners.push(owner); out.push(text); };
  const walk = (node) => {
    if (node.nodeType === 3) { if (node.data.trim()) put(node, node.data); return; }
    const tag = node.tagName;
    if (tag === 'SCRIPT' || tag === 'STYLE' || tag === 'TEMPLATE') return;
    if (tag === 'INPUT') put(node, node.type === 'password' && node.value ? null : node.value + '\\n' + node.placeholder);
    else if (tag === 'TEXTAREA') { put(node, node.value + '\\n' + node.placeholder); return; }
    else if (tag === 'SELECT') { put(node, [...node.selectedOptions].map((o) => o.text).join('\\n')); return; }
    else if (tag === 'IMG') put(node, node.alt);
    for (const child of (kit.shadowOf(node) || node).childNodes) walk(child);
    if (kit.shadowOf(node)) for (const child of node.childNodes) walk(child);
  };
  if (document.documentElement) walk(document.documentElement);
  return kit.stringify(out);
})()"""
_PLACES = """kit.stringify(arg.flatMap(([index, from, to]) => {
  const owner = kit.texts[index];
  if (!owner.isConnected) return [];
  if (owner.nodeType === 1) { const r = owner.getBoundingClientRect(); return [[r.left, r.top, r.right, r.bottom]]; }
  const range = document.createRange();
  range.setStart(owner, Math.min(from, owner.length));
  range.setEnd(owner, Math.min(to, owner.length));
  return [...range.getClientRects()].map((r) => [r.left, r.top, r.right, r.bottom]);
}))"""
_SCROLL = "[window.scrollX, window.scrollY]"


async def covered(session: BrowserSession, shot: Awaitable[bytes], origin: Box | None) -> Image:
    """Take a picture and return it without secrets.

    ``origin`` is the part of the view that it shows (CSS pixels), None for the whole page. The page is looked at before
    and after: what comes or moves while the picture is taken is covered in both places.
    """
    if not session.secrets:
        return Image.open(await shot)
    before = await _boxes(session)
    data = await shot
    boxes = {*before, *await _boxes(session)}
    picture = Image.open(data)
    if not boxes:
        return picture
    x, y = (-origin.left, -origin.top) if origin else await session.kit(session.page.main_frame, _SCROLL)
    return await asyncio.to_thread(_painted, picture, [box.shift(x, y) for box in boxes])


def _painted(picture: Image, boxes: list[Box]) -> Image:
    from PIL import ImageDraw

    canvas = picture.pixels.copy()
    draw = ImageDraw.Draw(canvas)
    view = Box(0, 0, *canvas.size)
    for box in boxes:
        wide = Box(box.left - MARGIN, box.top - MARGIN, box.right + MARGIN, box.bottom + MARGIN)
        seen = wide.clip(view)
        if seen.area:
            draw.rectangle(tuple(seen), fill=COLOUR)
    return Image.of_pixels(canvas)


async def _boxes(session: BrowserSession) -> list[Box]:
    """Return where secrets stand in the active tab, in pixels of its view."""
    frames = session.page.frames[:MAX_FRAMES]
    found = await asyncio.gather(*(_in_frame(session, frame) for frame in frames))
    return [box for boxes in found for box in boxes]


async def _in_frame(session: BrowserSession, frame: Frame) -> list[Box]:
    corner = (0.0, 0.0)
    try:
        hits = _hits(session, json.loads(await session.kit(frame, _TEXTS)))
        if not hits:
            return []
        if frame.parent_frame is not None:
            corner = await _corner(session, frame)
        places = json.loads(await session.kit(frame, _PLACES, hits))
    except ToolError:
        if frame.parent_frame is None:
            raise
        # What can't be read is not known to be free of secrets.
        return await _whole(session, frame)
    return [Box(*place).shift(*corner) for place in places]


def _hits(session: BrowserSession, texts: list[str | None]) -> list[list[int]]:
    """Return [index, start, end] of the pieces of secrets in texts, which may run on from one text to the next."""
    hits = [[index, 0, 0] for index, text in enumerate(texts) if text is None]
    starts, length = [], 0
    for text in texts:
        starts.append(length)
        length += len(text or "")
    ends = [*starts[1:], length]
    for start, end in session.secrets.spans("".join(text or "" for text in texts)):
        for index in range(len(texts)):
            if starts[index] < end and ends[index] > start:
                hits.append([index, max(0, start - starts[index]), end - starts[index]])
    return hits


async def _corner(session: BrowserSession, frame: Frame) -> tuple[float, float]:
    element: Any = await session.script.bounded(frame.frame_element())
    box = await session.script.bounded(element.bounding_box())
    if box is None:
        raise ToolError("a frame without a place")
    left, top = await session.script.bounded(element.evaluate("e => [e.clientLeft, e.clientTop]"))
    return box["x"] + left, box["y"] + top


async def _whole(session: BrowserSession, frame: Frame) -> list[Box]:
    try:
        element: Any = await session.script.bounded(frame.frame_element())
        box = await session.script.bounded(element.bounding_box())
    except ToolError:
        # It is gone, and shows nothing.
        return []
    if box is None:
        return []
    return [Box(box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])]
