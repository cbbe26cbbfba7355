"""One structured snapshot of the page: what can be acted on, and the text that gives it meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any

from agentkit.content import Box
from agentkit.errors import ToolError

if TYPE_CHECKING:
    from playwright.async_api import Frame

    from .session import BrowserSession

CHARS_PER_TOKEN = 4
MAX_FRAMES = 20
_QUOTE = json.JSONEncoder(ensure_ascii=False).encode
_LOOKS_LIKE_ID = re.compile(r"\[(e\d+)\]")
_NOWHERE = Box(0, 0, 0, 0)


@dataclass(frozen=True)
class Element:
    """Something that can be acted on.

    ``id`` (``e12``) belongs to this element as long as its document lives. ``box`` is in CSS pixels of the
    viewport, ``in_view`` says whether a click reaches it without scrolling. ``value`` is what a field holds
    (None: not a field); ``options`` are the choices of a select. ``form`` is the method of the form it
    belongs to, ``submits`` whether it submits it. ``frame`` is the URL of a child frame, or empty.
    ``new`` and ``changed`` compare with the previous snapshot of the same page.
    """

    id: str
    role: str
    name: str
    tag: str
    value: str | None = None
    states: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    box: Box = _NOWHERE
    in_view: bool = True
    href: str = ""
    form: str = ""
    submits: bool = False
    frame: str = ""
    new: bool = False
    changed: bool = False

    def describe(self) -> str:
        """Return the element in words: ``button 'Submit'``."""
        return f"{self.role} {self.name!r}" if self.name else self.role

    def line(self) -> str:
        """Return the element as one piece of text: ``[e3] checkbox "I agree" checked``."""
        mark = "*" if self.new else "~" if self.changed else ""
        words = [f"{mark}[{self.id}] {self.role}", _quoted(self.name)]
        if self.role in ("shape", "canvas") or (not self.name and self.role == "clickable"):
            x, y = self.box.center
            words.append(f"{self.box.width:.0f}x{self.box.height:.0f} at {x:.0f},{y:.0f}")
        if self.value:
            words.append(f"value={_quoted(self.value)}")
        words.extend(self.states)
        if self.options:
            words.append("options: " + " | ".join(map(_plain, self.options)))
        return " ".join(words)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data; ``box`` is a list."""
        return {**asdict(self), "box": list(self.box)}


@dataclass(frozen=True)
class Line:
    """One line of the page: text and the ids of elements, in reading order."""

    parts: tuple[str | tuple[str], ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(part[0] for part in self.parts if isinstance(part, tuple))

    @property
    def words(self) -> str:
        return " ".join(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True)
class Change:
    """What differs between two snapshots: ids of elements, and lines of text that came and went."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.changed, self.appeared, self.vanished))


@dataclass(frozen=True)
class Snapshot:
    """The page as data. All of its text is the page's own: untrusted.

    ``scroll`` is (pixels above the view, pixels below it).
    """

    url: str
    title: str
    elements: tuple[Element, ...] = ()
    lines: tuple[Line, ...] = ()
    scroll: tuple[int, int] = (0, 0)
    _index: dict[str, Element] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._index.update((element.id, element) for element in self.elements)

    def __contains__(self, id: object) -> bool:
        return id in self._index

    def get(self, id: str) -> Element:
        """Return the element of an id. Raises ``ToolError`` when the snapshot has none."""
        if id not in self._index:
            raise ToolError(f"there is no element {id} on the page", mend="use an id of the last observation")
        return self._index[id]

    def text(self, budget: int | None = None, query: str = "") -> str:
        """Return the page as text, a line a block, elements as ``[e12] button "Submit"``.

        ``*`` marks an element that is new, ``~`` one that changed. Above ``budget`` tokens (of four
        characters) the least relevant lines go, wherever they stand: those out of view, without elements
        and without words of ``query`` first. What was left out is counted in its place.
        """
        rendered = [self._render(line) for line in self.lines]
        above, below = self.scroll
        if above or below:
            rendered.append(f"(the page goes on: {above} px above, {below} px below)")
        if budget is None or sum(map(len, rendered)) + len(rendered) <= budget * CHARS_PER_TOKEN:
            return "\n".join(rendered)
        return _fit(rendered, [*self._relevance(query), inf][: len(rendered)], budget * CHARS_PER_TOKEN)

    def diff(self, previous: Snapshot) -> Change:
        """Return what changed since an earlier snapshot."""
        before, after = previous._index, self._index
        old, new = _texts(previous), _texts(self)
        return Change(
            added=tuple(id for id in after if id not in before),
            removed=tuple(id for id in before if id not in after),
            changed=tuple(id for id in after if id in before and _differs(after[id], before[id])),
            appeared=tuple(text for text in new if text not in set(old)),
            vanished=tuple(text for text in old if text not in set(new)),
        )

    def marked(self, previous: Snapshot | None) -> Snapshot:
        """Return this snapshot with ``new`` and ``changed`` set by comparison with the one before.

        A page that shares no element with it is another page: there nothing is marked.
        """
        if previous is None or not self._index.keys() & previous._index.keys():
            return self
        before = previous._index
        elements = tuple(
            replace(e, new=e.id not in before, changed=e.id in before and _differs(e, before[e.id]))
            for e in self.elements
        )
        return Snapshot(self.url, self.title, elements, self.lines, self.scroll)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        lines = [
            [{"id": part[0]} if isinstance(part, tuple) else part for part in line.parts]
            for line in self.lines
        ]
        elements = [element.to_json() for element in self.elements]
        return {
            "url": self.url,
            "title": self.title,
            "elements": elements,
            "lines": lines,
            "scroll": list(self.scroll),
        }

    def _render(self, line: Line) -> str:
        pieces = (
            self._index[part[0]].line() if isinstance(part, tuple) else _plain(part) for part in line.parts
        )
        return " ".join(pieces)

    def _relevance(self, query: str) -> list[float]:
        wanted = set(_words(query))
        return [self._line_relevance(line, wanted) for line in self.lines]

    def _line_relevance(self, line: Line, wanted: set[str]) -> float:
        elements = [self._index[id] for id in line.ids]
        names = " ".join(f"{e.name} {e.value or ''} {' '.join(e.options)}" for e in elements)
        shared = len(wanted & set(_words(f"{line.words} {names}")))
        score = 2.0 * shared + (1.0 if elements else 0.0) + (1.0 if any(e.in_view for e in elements) else 0.0)
        return score + (2.0 if any(e.new or e.changed or "focused" in e.states for e in elements) else 0.0)


def _plain(text: str) -> str:
    """Return text of the page in which nothing looks like the id of an element."""
    return _LOOKS_LIKE_ID.sub(r"(\1)", text)


def _quoted(text: str) -> str:
    return _QUOTE(_plain(text))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _texts(snapshot: Snapshot) -> list[str]:
    return [line.words for line in snapshot.lines if line.words]


def _differs(a: Element, b: Element) -> bool:
    return (a.name, a.value, a.states, a.options) != (b.name, b.value, b.states, b.options)


def _fit(lines: Sequence[str], scores: Sequence[float], limit: int) -> str:
    """Return the lines of the highest scores (earlier ones first among equals) within ``limit`` characters."""
    left = limit
    kept = set()
    for index in sorted(range(len(lines)), key=lambda i: (-scores[i], i)):
        if len(lines[index]) + 1 <= left:
            kept.add(index)
            left -= len(lines[index]) + 1
    out, skipped = [], 0
    for index, line in enumerate(lines):
        if index not in kept:
            skipped += 1
            continue
        if skipped:
            out.append(f"({skipped} lines left out)")
        skipped = 0
        out.append(line)
    return "\n".join([*out, f"({skipped} lines left out)"] if skipped else out)


# ---- reading a page ----


@dataclass
class _Reading:
    """What is gathered while the frames of a page are read."""

    elements: list[Element] = field(default_factory=list)
    lines: list[list[str | tuple[str]]] = field(default_factory=lambda: [[]])
    frames: int = 0

    def end_line(self) -> None:
        if self.lines[-1]:
            self.lines.append([])

    def put(self, part: str | tuple[str]) -> None:
        self.lines[-1].append(part)


async def observe(session: BrowserSession, previous: Snapshot | None = None) -> Snapshot:
    """Look at the active tab: one script a frame, which leaves the DOM as it is.

    ``previous`` lets elements be marked as new or changed. Raises ``ToolError`` when the tab crashed, was
    closed, or does not respond.
    """
    page = session.page
    reading = _Reading()
    session.frames.clear()
    options = {"root": session.config.root, "ignore": session.config.ignore}
    data = await _read_frame(session, page.main_frame, (0.0, 0.0), options, reading)
    scroll = data.get("scroll") or {"top": 0, "height": 0, "view": 0}
    below = max(0, scroll["height"] - scroll["top"] - scroll["view"])
    lines = tuple(Line(tuple(parts)) for parts in map(_tidy, reading.lines) if parts)
    snapshot = Snapshot(page.url, data["title"], tuple(reading.elements), lines, (scroll["top"], below))
    return snapshot.marked(previous)


async def _read_frame(
    session: BrowserSession,
    frame: Frame,
    origin: tuple[float, float],
    options: dict[str, Any],
    into: _Reading,
) -> dict[str, Any]:
    into.frames += 1
    raw = await session.kit(frame, "kit.snapshot(arg)", {**options, "first": session.last_id})
    data: dict[str, Any] = json.loads(raw)
    session.last_id = max(session.last_id, data["last"])
    top = frame.parent_frame is None
    where = "" if top else frame.url
    session.frames.update((item["id"], frame) for item in data["elements"] if "id" in item)
    children = await _children(session, frame) if data["frames"] else {}
    slots = {slot["id"]: slot for slot in data["frames"]}
    for token in data["tokens"]:
        if token is None:
            into.end_line()
        elif token is False:
            into.put("|")
        elif isinstance(token, str):
            into.put(token)
        elif isinstance(token, int):
            element = _element(data["elements"][token], origin, where)
            into.elements.append(element)
            into.put((element.id,))
        elif "say" in token:
            into.put(token["say"])
        elif token["frame"] in children and into.frames < MAX_FRAMES:
            slot = slots[token["frame"]]
            inner = (origin[0] + slot["x"], origin[1] + slot["y"])
            await _read_child(session, children[token["frame"]], inner, {"view": slot["view"]}, into)
    into.end_line()
    return data


async def _read_child(
    session: BrowserSession,
    frame: Frame,
    origin: tuple[float, float],
    options: dict[str, Any],
    into: _Reading,
) -> None:
    try:
        await _read_frame(session, frame, origin, options, into)
    except ToolError as error:
        # One broken frame must not hide the rest of the page.
        into.put(f"(a frame that can't be read: {error.message})")
        into.end_line()


async def _children(session: BrowserSession, frame: Frame) -> dict[int, Frame]:
    """Return the child frames by the id of their element."""
    from playwright.async_api import Error

    found = {}
    for child in frame.child_frames:
        try:
            owner = await child.frame_element()
        except Error:
            continue
        found[await session.kit(frame, "kit.idOf(arg)", owner)] = child
    return found


def _element(item: dict[str, Any], origin: tuple[float, float], frame: str) -> Element:
    left, top, right, bottom = item["box"]
    return Element(
        id=f"e{item['id']}",
        role=item["role"],
        name=item["name"],
        tag=item["tag"],
        value=item.get("value"),
        states=tuple(item["states"]),
        options=tuple(item.get("options", ())),
        box=Box(left, top, right, bottom).shift(*origin),
        in_view=item["view"],
        href=item.get("href", ""),
        form=item.get("form", ""),
        submits=item.get("submits", False),
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
