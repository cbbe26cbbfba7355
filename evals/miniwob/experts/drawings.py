"""Experts for tasks on drawings: shapes with colour, kind, size and place, a pie of letters, shades, a slider."""

from __future__ import annotations

import re
from collections.abc import Callable

from ....agents.web.candidates import Candidate
from ....tools.browser import Element
from .desk import Desk, Expert

# What the tasks call colours, and what the observation calls them.
COLOURS = {"aqua": "cyan"} | {
    name: name for name in ["red", "green", "blue", "black", "magenta", "yellow", "purple"]
}
SMALL = 16


def described(text: str) -> Callable[[Element], bool]:
    """Return the test of a description such as ``large red triangle``, ``small item``, ``blue digit`` or ``K``."""
    *words, kind = text.split()
    colour = next((COLOURS[word] for word in words if word in COLOURS), None)
    size = next((word for word in words if word in ("small", "large")), None)

    def fits(element: Element) -> bool:
        name = element.name.split()
        if element.role != "shape" or (colour and colour not in name):
            return False
        if size and (element.box.height <= SMALL) != (size == "small"):
            return False
        return kind == "item" or _of_kind(name, kind)

    return fits


def _of_kind(name: list[str], kind: str) -> bool:
    written = "letter" in name or "number" in name
    if kind == "shape":
        return not written
    if len(kind) == 1:
        return written and name[-1] == kind
    return {"digit": "number", "rectangle": "square"}.get(kind, kind) in name


def click_shape(desk: Desk) -> Candidate | None:
    """Click a shape that fits the description."""
    return desk.click(desk.where(described(desk.said(r"Click on an? (.+)"))))


def count_shapes(desk: Desk) -> Candidate | None:
    """Count the shapes that fit the description (in the plural)."""
    fits = described(desk.said(r"How many (.+)s are there"))
    return desk.click(desk.named(str(sum(map(fits, desk.elements))), "button"))


def identify(desk: Desk) -> Candidate | None:
    """Press the button that names the kind of the one shape."""
    name = next(e for e in desk.elements if e.role == "shape").name.split()
    kinds = {"square": "Rectangle", "rectangle": "Rectangle", "circle": "Circle", "triangle": "Triangle"}
    kinds |= {"letter": "Letter", "number": "Number"}
    return desk.click(desk.named(next(kinds[word] for word in name if word in kinds), "button"))


def on_grid(desk: Desk) -> Candidate | None:
    """Click the point of a grid: columns count from -2 at the left, rows from 2 at the top."""
    x, y = map(int, re.findall(r"-?\d+", desk.task))
    points = [e for e in desk.elements if e.role == "shape" and "circle" in e.name]
    columns = sorted({round(e.box.center[0]) for e in points})
    rows = sorted({round(e.box.center[1]) for e in points})
    place = (columns[x + len(columns) // 2], rows[len(rows) // 2 - y])
    return desk.click(next(e for e in points if tuple(map(round, e.box.center)) == place))


def pie(desk: Desk) -> Candidate | None:
    """Open the pie, then click the slice of the letter."""
    letter = desk.quote()
    found = desk.where(lambda e: e.role == "shape" and e.name.split()[-1:] == [letter])
    return desk.click(found or desk.where(lambda e: e.name.endswith("+")))


def click_colour(desk: Desk) -> Candidate | None:
    """Click the box of the colour."""
    return desk.click(desk.where(lambda e: desk.said(r"the (\w+) colored") in e.name.split()))


def shades(desk: Desk) -> Candidate | None:
    """Click every box of a shade that is not selected yet, then submit."""
    colour = desk.said(r"shades of (\w+)")
    box = desk.where(
        lambda e: e.role == "clickable" and colour in _hue(e.name) and "selected" not in e.name.split()
    )
    return desk.click(box) or desk.submit()


def _hue(name: str) -> str:
    """Return red, green or blue for the name of a shade."""
    shade = {"lime": "green", "maroon": "red", "navy": "blue", "pink": "red"}
    return " ".join(shade.get(word, word) for word in name.split())


def slide(desk: Desk) -> Candidate | None:
    """Move the slider by keys: pages (a fifth of its range) while that helps, then single steps; then submit."""
    handle = desk.where(lambda e: "slider" in e.name)
    now, wanted = _number(desk.text), int(desk.said(r"Select (-?\d+)"))
    if now is None or now == wanted:
        return desk.submit()
    numbers = [_number(text) for text in (*desk.pages, desk.text)]
    moved = [
        abs(after - before)
        for words, before, after in zip(desk.done, numbers, numbers[1:], strict=False)
        if words.startswith("press Page") and before is not None and after is not None
    ]
    # A first page shows how much a page is; at an end it may have been cut short.
    page = max(moved, default=8)
    up = wanted > now
    if abs(wanted - now) > page // 2 + (1 if moved else 0):
        return desk.key("PageUp" if up else "PageDown", handle)
    return desk.key("ArrowRight" if up else "ArrowLeft", handle)


def _number(text: str) -> int | None:
    match = re.search(r"^(-?\d+)$", text, re.MULTILINE)
    return int(match[1]) if match else None


def spin(desk: Desk) -> Candidate | None:
    """Press the arrows of the spinner until it shows the number, then submit."""
    now, wanted = int(desk.of_role("spinbutton")[0].value or 0), int(desk.said(r"Select (-?\d+)"))
    arrow = "up" if now < wanted else "down"
    return desk.submit() if now == wanted else desk.click(desk.where(lambda e: f"spinner {arrow}" in e.name))


EXPERTS: dict[str, Expert] = {
    "click-color": click_colour,
    "click-pie": pie,
    "click-shades": shades,
    "click-shape": click_shape,
    "count-shape": count_shapes,
    "grid-coordinate": on_grid,
    "identify-shape": identify,
    "use-slider": slide,
    "use-spinner": spin,
}
