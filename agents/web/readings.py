"""What the task's words could mean on a page: the elements that fit them equally well."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...tools.browser import Element, Snapshot
from .page import is_text_field
from .phrases import Mention

ROLES: dict[str, frozenset[str]] = {
    "button": frozenset({"button"}),
    "link": frozenset({"link", "clickable"}),
    "tab": frozenset({"tab"}),
    "section": frozenset({"tab"}),
    "checkbox": frozenset({"checkbox"}),
    "box": frozenset({"checkbox", "clickable"}),
    "option": frozenset({"radio", "option", "menuitemradio"}),
    "item": frozenset(
        {"option", "radio", "checkbox", "menuitem", "treeitem", "listitem", "shape", "link", "clickable"}
    ),
    "shape": frozenset({"shape"}),
    "thing": frozenset({"link", "clickable", "row", "listitem", "treeitem", "option", "menuitem", "button"}),
}
# What works as a button is one to people, though the page does not say so.
LOOSE = {**ROLES, "button": frozenset({"button", "clickable"})}
_COLOURS = """red green blue yellow black white gray grey purple pink orange brown cyan aqua magenta lime olive maroon
    navy teal silver violet"""
COLOURS = frozenset(_COLOURS.split())
# Signs and numbers turn pages of a list; they are none of its things.
TURNS = re.compile(r"^[\W\d]*$")
# What the observation itself says of a region.
NOTE = re.compile(r"^\(scrolls: .*\)$")
LABEL = 80


@dataclass(frozen=True)
class Reading:
    """One thing that the task's words could mean: its element, and the words that tell it from the others.

    ``twin``: only what stands around it does.
    """

    element: str
    words: str
    twin: bool = False


def readings(mention: Mention, snapshot: Snapshot, spent: Sequence[str] = ()) -> list[Reading]:
    """Return what a mention could mean on a page, all that fit it equally well; nothing when it tells of what is not here.

    ``spent`` are texts that were put into the page already: they tell nothing of what comes next.
    """
    if mention.kind == "colour":
        return [] if COLOURS & set(map(str.lower, mention.told)) else _colours(snapshot)
    found = _readings(mention, snapshot, spent, LOOSE if mention.kind == "button" else ROLES)
    strict = _readings(mention, snapshot, spent, ROLES) if mention.kind == "button" else found
    return strict or found


def _readings(
    mention: Mention, snapshot: Snapshot, spent: Sequence[str], roles: Mapping[str, frozenset[str]]
) -> list[Reading]:
    used = {word for text in spent for word in _words(text)}
    told, topic = (
        [text for text in texts if not _words(text) or not set(_words(text)) <= used]
        for texts in (mention.told, mention.topic)
    )
    fitting = [e for e in snapshot.elements if _of_kind(e, mention, snapshot, roles)]
    around = context(snapshot, fitting)
    for text in (*told, *topic):
        if not any(_fits(text, e.name) or _fits(text, around[e.id]) for e in fitting):
            # It names something that this page does not show: there may be another page to it.
            return []
    quoted = [text for text in mention.quoted if text in told]
    if quoted and not any(_fits(text, e.name) for text in quoted for e in fitting):
        return []
    scores = [_score((*told, *topic), e, around[e.id]) for e in fitting]
    best = max(scores, default=0)
    if mention.kind == "thing" and told and not any(_fits(text, e.name) for text in told for e in fitting):
        # What is told of the thing stands on its own page: it has been opened already.
        return []
    likely = [e for e, score in zip(fitting, scores, strict=True) if score == best]
    return _distinct(likely, snapshot, around, merge=bool(told))


def lists(task: str, snapshot: Snapshot) -> list[Reading]:
    """Return the lists that hold the same thing that the task names, when it tells which list by no word of its name."""
    said = set(_words(task))
    holding: dict[str, list[Element]] = {}
    for element in snapshot.elements:
        for option in dict.fromkeys(element.options):
            if option.strip() and _fits(option, task):
                holding.setdefault(option.lower(), []).append(element)
    for option, elements in holding.items():
        told = [e for e in elements if said & (set(_words(e.name)) - set(_words(option)))]
        taken = any((e.value or "").lower() == option for e in elements)
        if len(elements) > 1 and not told and not taken:
            return _distinct(elements, snapshot, dict.fromkeys((e.id for e in elements), ""), merge=False)
    return []


def context(snapshot: Snapshot, elements: Sequence[Element]) -> dict[str, str]:
    """Return the text around each element: of its line, and of the lines before it back to another element of its name."""
    names = {e.id: (e.role, e.name) for e in elements}
    found: dict[str, str] = dict.fromkeys(names, "")
    block: list[str] = []
    seen: set[tuple[str, str]] = set()
    for line in snapshot.lines:
        mine = [id for id in line.ids if id in names]
        if any(names[id] in seen for id in mine) or (line.words and not line.ids and seen):
            block, seen = [], set()
        if not NOTE.match(line.words):
            block.append(line.words)
        for id in mine:
            found[id] = " ".join(filter(None, block))
            seen.add(names[id])
    return found


def _of_kind(
    element: Element, mention: Mention, snapshot: Snapshot, roles: Mapping[str, frozenset[str]]
) -> bool:
    if "disabled" in element.states:
        return False
    if mention.kind == "field":
        area = mention.noun not in ("textarea", "area") or element.tag == "textarea"
        return area and (is_text_field(element) or (element.role == "textbox" and bool(element.value)))
    if mention.kind == "widget":
        return element.role not in ("dialog", "alertdialog")
    if element.role not in roles[mention.kind]:
        return False
    if mention.kind == "section":
        return "collapsed" in element.states and not _icon(element)
    if mention.kind == "thing":
        return _is_thing(element, mention, snapshot)
    if mention.kind in ("link", "item"):
        return not TURNS.match(element.name)
    return not (mention.kind == "box" and element.role == "clickable" and not element.name)


def _is_thing(element: Element, mention: Mention, snapshot: Snapshot) -> bool:
    """Say whether an element may be one of a list of things: its name is its own, or says the noun."""
    if mention.noun in _words(element.name):
        return True
    if element.role == "button" or TURNS.match(element.name):
        return False
    alone = sum(1 for other in snapshot.elements if other.name == element.name) == 1
    return alone or any(_fits(text, element.name) for text in mention.told)


def _icon(element: Element) -> bool:
    return "icon" in element.name or "icons" in element.name


def _colours(snapshot: Snapshot) -> list[Reading]:
    found: dict[str, Reading] = {}
    for element in snapshot.elements:
        for word in _words(element.name):
            if word in COLOURS:
                found.setdefault(word, Reading(element.id, word))
    return list(found.values())


def _score(told: Sequence[str], element: Element, around: str) -> int:
    return sum(2 * _fits(text, element.name) or int(_fits(text, around)) for text in told)


def _fits(text: str, name: str) -> bool:
    """Say whether a text stands in a name, as whole words."""
    wanted, words = _words(text), _words(name)
    if not wanted:
        return text.strip() == name.strip()
    return any(words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1))


def _distinct(
    elements: Sequence[Element], snapshot: Snapshot, around: Mapping[str, str], *, merge: bool
) -> list[Reading]:
    """Return one reading for each that differs in its name, or in what stands around it.

    ``merge``: those that differ in neither are one; else only links to the same place are.
    """
    names = [element.name for element in elements]
    found: dict[str, Reading] = {}
    for element in elements:
        twin = names.count(element.name) > 1 or not element.name
        known = snapshot.twins.get(element.id)
        beside = (known.about if known else "") or around[element.id]
        words = f"{element.name}: {beside}" if twin and beside else element.name
        key = f"{words} {around[element.id] if merge else element.href or element.id}"
        found.setdefault(key, Reading(element.id, words[:LABEL] or element.describe(), twin))
    return list(found.values())


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
