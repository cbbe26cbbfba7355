"""A screenshot with marks: each element that is in view gets its box and its id drawn on it."""

from __future__ import annotations

from collections.abc import Iterable

from agentkit.content import Box, Image

from .snapshot import Element, Snapshot

# Told apart from each other and from most pages; the same id always has the same colour.
COLOURS = ("#c62828", "#1565c0", "#2e7d32", "#6a1b9a", "#ef6c00", "#00838f", "#ad1457", "#4e342e")
FONT_SIZE = 11


def draw_marks(picture: Image, snapshot: Snapshot, ids: Iterable[str] | None = None) -> Image:
    """Return a picture of the view (CSS pixels, not the whole page) with boxes and ids of the elements in it.

    ``ids`` selects elements. The label stands at a corner where it covers no other label, so that every id can be
    read (set-of-marks prompting, Yang et al. 2023, arXiv 2310.11441, with boxes of the page in place of segments).
    """
    from PIL import ImageDraw, ImageFont

    wanted = None if ids is None else set(ids)
    canvas = picture.pixels.copy()
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(FONT_SIZE)
    view = Box(0, 0, *canvas.size)
    taken: list[Box] = []
    for element in snapshot.elements:
        if not element.in_view or (wanted is not None and element.id not in wanted):
            continue
        box = element.box.clip(view)
        colour = COLOURS[int(element.id[1:]) % len(COLOURS)]
        draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), outline=colour)
        left, top, right, bottom = draw.textbbox((0, 0), element.id, font=font)
        place = _place(element, right - left + 4, bottom - top + 4, view, taken)
        taken.append(place)
        draw.rectangle((place.left, place.top, place.right - 1, place.bottom - 1), fill=colour)
        draw.text((place.left + 2 - left, place.top + 2 - top), element.id, fill="white", font=font)
    return Image.of_pixels(canvas)


def _place(element: Element, wide: float, high: float, view: Box, taken: list[Box]) -> Box:
    """Return the label's box: at a corner of the element inside the view, the first that meets no other label."""
    box = element.box
    corners = [
        (box.left, box.top - high),
        (box.right - wide, box.top - high),
        (box.right, box.top),
        (box.left - wide, box.top),
        (box.left, box.bottom),
        (box.right - wide, box.bottom),
        (box.left, box.top),
    ]
    places = []
    for x, y in corners:
        left = min(max(x, view.left), max(view.right - wide, 0))
        top = min(max(y, view.top), max(view.bottom - high, 0))
        places.append(Box(left, top, left + wide, top + high))
    free = [place for place in places if not any(_meets(place, other) for other in taken)]
    return (free or places)[0]


def _meets(a: Box, b: Box) -> bool:
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom
