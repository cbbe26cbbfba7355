"""A snapshot of the page as data: what can be acted on, and the text that gives it meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any

from agentkit.content import Box
from agentkit.errors import ToolError

from .twins import Twin, twins_of

CHARS_PER_TOKEN = 4
_QUOTE = json.JSONEncoder(ensure_ascii=False).encode
_LOOKS_LIKE_ID = re.compile(r"\[(e\d+)\]")
_NOWHERE = Box(0, 0, 0, 0)


@dataclass(frozen=True)
class Element:
    """Something that can be acted on.

    ``id`` (``e12``) belongs to this element as long as its document lives. ``box`` is in CSS pixels of the
    viewport, ``in_view`` says whether a click reaches it without scrolling. ``value`` is what a field holds
    (None: not a field); ``options`` are the choices of a select. ``form`` is the method of the form it
    belongs to, ``submits`` whether it submits it, ``owner`` the number of that form in its frame. ``group`` is what a radio button's group is called. ``frame`` is the URL of a child frame, or empty.
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
    owner: str = ""
    group: str = ""
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

    @cached_property
    def twins(self) -> Mapping[str, Twin]:
        """What tells elements of the same role and name apart, by id."""
        return twins_of(self)

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
