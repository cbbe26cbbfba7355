"""What a model may write: the actions that a page allows now, as a JSON schema and as lines of a prompt."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...tools.browser import ACTIONS, ActionSet, Element, Snapshot
from .candidates import CONTAINERS
from .given import takes_file
from .page import is_text_field, name_of

# Further ones by name: dblclick, focus, check, uncheck, reload, forward, new_tab, screenshot, hover_at, dblclick_at ...
DEFAULT = ACTIONS.only(
    [
        "click",
        "hover",
        "fill",
        "clear",
        "press",
        "type",
        "select_option",
        "drag_and_drop",
        "scroll",
        "upload_file",
        "goto",
        "back",
        "switch_tab",
        "close_tab",
        "wait",
        "extract",
        "click_at",
        "drag",
        "answer_dialog",
    ]
)
KEYS = ("Enter", "Escape", "Tab", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Backspace")
# Need no page of their own: what a benchmark's episode, which is one page, has no use for.
_VISITS = frozenset({"goto", "back", "forward", "reload", "new_tab", "wait", "extract", "screenshot"})
# Points and text at the focus: for a model that sees the page, or a page that is drawn.
_POINTS = frozenset({"click_at", "dblclick_at", "hover_at", "drag", "type"})
_POINT = {"type": "string", "pattern": "^[0-9]{1,5},[0-9]{1,5}$"}
_TWO_POINTS = {"type": "string", "pattern": "^[0-9]{1,5},[0-9]{1,5},[0-9]{1,5},[0-9]{1,5}$"}
# The end of what names an element: its id. Names are cut so that a page of links does not make a long grammar.
_ID = re.compile(r"\[?(e\d+)\]?$")
_LONGEST_NAME = 60
# How an action looks: a server that follows the schema need not show it to the model.
_VALUES = {
    "fill": "the text to type",
    "press": "Enter",
    "type": "the text to type where the focus is",
    "select_option": "the option",
    "scroll": "down",
    "upload_file": "the name of the file",
    "goto": "https://the address",
    "new_tab": "https://the address",
    "switch_tab": "0",
    "wait": "1",
    "extract": "what to look for",
    "click_at": "x,y",
    "dblclick_at": "x,y",
    "hover_at": "x,y",
    "drag": "x,y,x,y",
}


@dataclass(frozen=True)
class Around:
    """What is around a page: the addresses of the open ``tabs``, the names of ``files`` that may be uploaded.

    ``visits`` says whether other pages may be opened (not in an episode), ``picture`` whether the model sees the page,
    ``prompt`` whether the last action led to a prompt of the page, which was dismissed.
    """

    tabs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    visits: bool = True
    picture: bool = False
    prompt: bool = False


@dataclass(frozen=True)
class Item:
    """An action as it may be written now: its schema's properties, and how it looks."""

    name: str
    properties: dict[str, Any]
    form: str

    def schema(self) -> dict[str, Any]:
        fields = {"action": {"const": self.name}, **self.properties}
        return {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }


def menu(actions: ActionSet, snapshot: Snapshot, around: Around) -> list[Item]:
    """Return what can be written: actions that have something to act on, with the ids that the page shows.

    Several items may be of one action (a list of options each). An action of the user's own takes any element.
    """
    live = [element for element in snapshot.elements if "disabled" not in element.states]
    found: list[Item] = []
    for name in actions:
        if (name in _VISITS and not around.visits) or (name in _POINTS and not _drawn(live, around)):
            continue
        found += _MAKERS.get(name, _own)(name, actions, live, snapshot, around)
    return found


def chosen(snapshot: Snapshot, element: Element) -> str:
    """Return how a model names an element: its words, then its id, ``button Send [e7]``.

    A small model copies the words of the task, and the id then follows from them; of ids alone it takes any.
    """
    words = name_of(snapshot, element).replace('"', "")
    return f"{words[:_LONGEST_NAME].strip()} [{element.id}]"


def id_in(written: str) -> str:
    """Return the id of what a model wrote for an element, also of an id alone."""
    found = _ID.search(written.strip())
    return found[1] if found else written


Maker = Callable[[str, ActionSet, Sequence[Element], Snapshot, Around], list[Item]]


def _on(choose: Callable[[Element], bool]) -> Maker:
    """Return what makes items of actions on those elements that ``choose`` takes; their value is free text."""

    def make(
        name: str, actions: ActionSet, live: Sequence[Element], snapshot: Snapshot, around: Around
    ) -> list[Item]:
        ids = [chosen(snapshot, element) for element in live if choose(element)]
        if not ids:
            return []
        value = {} if name not in _VALUES else {"value": {"type": "string", "maxLength": 300}}
        if name == "press":
            value = {"value": {"enum": list(KEYS)}}
        if name == "upload_file":
            value = {"value": {"enum": list(around.files)}}
            if not around.files:
                return []
        return [_item(name, {"element": {"enum": ids}, **value})]

    return make


def _clickable(element: Element) -> bool:
    return not element.options and element.role not in CONTAINERS


def _select(
    name: str, actions: ActionSet, live: Sequence[Element], snapshot: Snapshot, around: Around
) -> list[Item]:
    return [
        _item(
            name,
            {"element": {"const": chosen(snapshot, e)}, "value": {"enum": list(dict.fromkeys(e.options))}},
        )
        for e in live
        if e.options
    ]


def _drag_and_drop(
    name: str, actions: ActionSet, live: Sequence[Element], snapshot: Snapshot, around: Around
) -> list[Item]:
    movable = [chosen(snapshot, element) for element in live if "draggable" in element.states]
    places = [chosen(snapshot, element) for element in live]
    return [_item(name, {"element": {"enum": movable}, "to": {"enum": places}})] if movable else []


def _scroll(
    name: str, actions: ActionSet, live: Sequence[Element], snapshot: Snapshot, around: Around
) -> list[Item]:
    # An inner region says in its line how much lies beyond.
    inner = any("(scrolls: " in line.words for line in snapshot.lines)
    if not any(snapshot.scroll) and not inner:
        return []
    return [_item(name, {"value": {"enum": ["down", "up"]}})]


def _tab(
    name: str, actions: ActionSet, live: Sequence[Element], snapshot: Snapshot, around: Around
) -> list[Item]:
    if len(around.tabs) < 2:
        return []
    numbers = [str(number) for number in range(len(around.tabs))]
    return [_item(name, {"value": {"enum": numbers}} if name == "switch_tab" else {})]


def _answer_dialog(
    name: str, actions: ActionSet, live: Sequence[Element], snapshot: Snapshot, around: Around
) -> list[Item]:
    # What the dialog says is the page's, and stands with the results of what was done.
    about = " (does the last action again and types this into its dialog)"
    return [_item(name, {"value": _TEXT}, about)] if around.prompt else []


def _free(schema: dict[str, Any] | None) -> Maker:
    def make(
        name: str, actions: ActionSet, live: Sequence[Element], snapshot: Snapshot, around: Around
    ) -> list[Item]:
        return [_item(name, {} if schema is None else {"value": schema})]

    return make


def _own(
    name: str, actions: ActionSet, live: Sequence[Element], snapshot: Snapshot, around: Around
) -> list[Item]:
    """Return the item of a function of the user's own: its ids are any elements, its value is text."""
    properties: dict[str, Any] = {}
    for part, needed in actions.takes(name).items():
        if part in ("element", "to"):
            properties[part] = {"enum": [chosen(snapshot, element) for element in live]}
            if not live:
                return []
        elif needed:
            properties["value"] = {"type": "string", "maxLength": 300}
    about = (inspect.getdoc(actions[name]) or "").splitlines()[0]
    return [_item(name, properties, f" ({about})")]


_TEXT = {"type": "string", "maxLength": 300}
_MAKERS: dict[str, Maker] = {
    "click": _on(_clickable),
    "dblclick": _on(_clickable),
    "hover": _on(lambda element: "popup" in element.states),
    "focus": _on(is_text_field),
    "fill": _on(is_text_field),
    "clear": _on(lambda element: is_text_field(element) and bool(element.value)),
    "press": _on(is_text_field),
    "check": _on(lambda element: element.role == "checkbox" and "checked" not in element.states),
    "uncheck": _on(lambda element: element.role == "checkbox" and "checked" in element.states),
    "upload_file": _on(takes_file),
    "select_option": _select,
    "drag_and_drop": _drag_and_drop,
    "scroll": _scroll,
    "switch_tab": _tab,
    "close_tab": _tab,
    "type": _free(_TEXT),
    "goto": _free(_TEXT),
    "new_tab": _free(_TEXT),
    "extract": _free(_TEXT),
    "wait": _free({"enum": ["1", "3", "10"]}),
    "back": _free(None),
    "forward": _free(None),
    "reload": _free(None),
    "screenshot": _free(None),
    "answer_dialog": _answer_dialog,
    "click_at": _free(_POINT),
    "dblclick_at": _free(_POINT),
    "hover_at": _free(_POINT),
    "drag": _free(_TWO_POINTS),
}


def _item(name: str, properties: dict[str, Any], about: str = "") -> Item:
    parts = [f'"action": "{name}"']
    parts += [
        f'"{part}": "{id}"'
        for part, id in (("element", "button Ok [e1]"), ("to", "row 2 [e2]"))
        if part in properties
    ]
    if "value" in properties:
        parts.append(f'"value": "{_VALUES.get(name, "the value")}"')
    return Item(name, properties, "{" + ", ".join(parts) + "}" + about)


def _drawn(live: Sequence[Element], around: Around) -> bool:
    return around.picture or any(element.role in ("canvas", "application") for element in live)
