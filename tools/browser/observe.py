"""Look at the active tab: one script a frame, frames side by side, put together in reading order."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentkit.content import Box
from agentkit.errors import ToolError

from .hide import hide_in_snapshot
from .ids import Place
from .session import BrowserSession
from .snapshot import Element, Line, Snapshot

if TYPE_CHECKING:
    from playwright.async_api import Frame

MAX_FRAMES = 20


async def observe(session: BrowserSession, previous: Snapshot | None = None) -> Snapshot:
    """Look at the active tab. The DOM stays as it is.

    ``previous`` lets elements be marked as new or changed. Raises ``ToolError`` when the tab crashed, was
    closed, or does not respond.
    """
    page = session.page
    session.ids.forget_places()
    options = {"root": session.config.root, "ignore": session.config.ignore}
    seen = await _read(session, page.main_frame, options, _Count())
    reading = _Reading(session)
    reading.add(seen, (0.0, 0.0))
    scroll = seen.data.get("scroll") or {"top": 0, "height": 0, "view": 0}
    below = max(0, scroll["height"] - scroll["top"] - scroll["view"])
    lines = tuple(Line(tuple(parts)) for parts in map(_tidy, reading.lines) if parts)
    title = seen.data["title"]
    snapshot = Snapshot(page.url, title, tuple(reading.elements), lines, (scroll["top"], below))
    return hide_in_snapshot(session, snapshot).marked(previous)


# ---- one script a frame ----


@dataclass
class _Seen:
    """What the script of a frame returned, and the child frames by the local number of their element."""

    frame: Frame
    data: dict[str, Any]
    children: dict[int, _Seen | str] = field(default_factory=dict)


@dataclass
class _Count:
    """How many frames have been read, of all that a page may have."""

    frames: int = 0


async def _read(session: BrowserSession, frame: Frame, options: dict[str, Any], count: _Count) -> _Seen:
    count.frames += 1
    seen = _Seen(frame, json.loads(await session.kit(frame, "kit.snapshot(arg)", options)))
    slots = {slot["id"]: slot for slot in seen.data["frames"]}
    if not slots:
        return seen
    children = await _children(session, seen)
    wanted = [(local, child) for local, child in children.items() if local in slots]
    wanted = wanted[: MAX_FRAMES - count.frames]
    read = (_read_child(session, child, {"view": slots[local]["view"]}, count) for local, child in wanted)
    seen.children = dict(zip([local for local, _ in wanted], await asyncio.gather(*read), strict=True))
    return seen


async def _read_child(
    session: BrowserSession, frame: Frame, options: dict[str, Any], count: _Count
) -> _Seen | str:
    try:
        return await _read(session, frame, options, count)
    except ToolError as error:
        # One broken frame must not hide the rest of the page.
        return f"(a frame that can't be read: {error.message})"


async def _children(session: BrowserSession, seen: _Seen) -> dict[int, Frame]:
    """Return the child frames of a frame by the local number of their element."""
    document, frames = seen.data["document"], seen.frame.child_frames
    places = await asyncio.gather(*(_owner(session, child, seen.frame, document) for child in frames))
    known = zip(places, frames, strict=True)
    return {place.local: child for place, child in known if place and place.document == document}


async def _owner(session: BrowserSession, child: Frame, parent: Frame, document: str) -> Place | None:
    from playwright.async_api import Error

    known = session.ids.owner(child)
    if known is not None and known.document == document:
        return known
    try:
        element = await child.frame_element()
    except Error:
        return None
    place = Place(parent, document, await session.kit(parent, "kit.idOf(arg)", element))
    session.ids.own(child, place)
    return place


# ---- in reading order ----


@dataclass
class _Reading:
    """What is gathered while the frames are put together."""

    session: BrowserSession
    elements: list[Element] = field(default_factory=list)
    lines: list[list[str | tuple[str]]] = field(default_factory=lambda: [[]])

    def add(self, seen: _Seen, origin: tuple[float, float]) -> None:
        """Add a frame whose corner is at ``origin`` of the tab."""
        where = "" if seen.frame.parent_frame is None else seen.frame.url
        slots = {slot["id"]: slot for slot in seen.data["frames"]}
        for token in seen.data["tokens"]:
            if token is None:
                self._end_line()
            elif token is False:
                self._put("|")
            elif isinstance(token, str):
                self._put(token)
            elif isinstance(token, int):
                self._add_element(seen, seen.data["elements"][token], origin, where)
            elif "say" in token:
                self._put(token["say"])
            else:
                self._add_child(seen.children.get(token["frame"]), slots[token["frame"]], origin)
        self._end_line()

    def _add_element(
        self, seen: _Seen, item: dict[str, Any], origin: tuple[float, float], where: str
    ) -> None:
        number = self.session.ids.number(Place(seen.frame, seen.data["document"], item["id"]))
        element = _element(item, number, origin, where)
        self.elements.append(element)
        self._put((element.id,))

    def _add_child(
        self, child: _Seen | str | None, slot: dict[str, Any], origin: tuple[float, float]
    ) -> None:
        if isinstance(child, str):
            self._put(child)
            self._end_line()
        elif child is not None:
            self.add(child, (origin[0] + slot["x"], origin[1] + slot["y"]))

    def _end_line(self) -> None:
        if self.lines[-1]:
            self.lines.append([])

    def _put(self, part: str | tuple[str]) -> None:
        self.lines[-1].append(part)


def _element(item: dict[str, Any], number: int, origin: tuple[float, float], frame: str) -> Element:
    (left, top, right, bottom), (x, y) = item["box"], origin
    return Element(
        id=f"e{number}",
        role=item["role"],
        name=item["name"],
        tag=item["tag"],
        value=item.get("value"),
        states=tuple(item["states"]),
        options=tuple(item.get("options", ())),
        box=Box(left + x, top + y, right + x, bottom + y),
        in_view=item["view"],
        href=item.get("href", ""),
        form=item.get("form", ""),
        submits=item.get("submits", False),
        owner=item.get("owner", ""),
        group=item.get("group", ""),
        frame=frame,
    )


def _tidy(parts: list[str | tuple[str]]) -> list[str | tuple[str]]:
    """Join neighbouring text, drop empty pieces and cell marks that separate nothing."""
    out: list[str | tuple[str]] = []
    gap = False
    for part in parts:
        if isinstance(part, tuple):
            out.append(part)
            continue
        if part == "|":
            if out and out[-1] != "|":
                out.append("|")
            continue
        words = part.strip()
        gap = gap or part[:1] == " "
        if words:
            if out and isinstance(out[-1], str) and out[-1] != "|":
                out[-1] = f"{out[-1]} {words}" if gap else f"{out[-1]}{words}"
            else:
                out.append(words)
            gap = False
        gap = gap or part[-1:] == " "
    while out and out[-1] == "|":
        out.pop()
    return out
