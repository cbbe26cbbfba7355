"""Small experts for some of the demonstrated tasks: they act on agentkit's own observation and candidates only.

An expert is a function of the task's text, the snapshot and the words of what was done so far; it returns the words
of the next candidate. Their runs, on seeds from 100,000 up, are the exemplars that ship (``demonstrate.py``). The 16
tasks of ``UNDEMONSTRATED`` have none, on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ...agents.web.page import is_text_field, name_of
from ...tools.browser import Element, Snapshot

Expert = Callable[[str, Snapshot, Sequence[str]], str | None]


def _quoted(task: str) -> list[str]:
    return re.findall(r'"([^"]*)"', task)


def _click(snapshot: Snapshot, name: str, *roles: str) -> str | None:
    """Return the click on the element of a name (an exact one before one in other case)."""
    found = [e for e in snapshot.elements if not roles or e.role in roles]
    for same in (lambda e: e.name == name, lambda e: e.name.lower() == name.lower()):
        match = next((e for e in found if same(e)), None)
        if match is not None:
            return f"click {name_of(snapshot, match)}"
    return None


def _fields(snapshot: Snapshot) -> list[Element]:
    return [e for e in snapshot.elements if is_text_field(e)]


def _type(snapshot: Snapshot, element: Element, text: str) -> str:
    return f'type "{text}" into {name_of(snapshot, element)}'


def click_named(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Click what the task names in quotes."""
    return next((words for name in _quoted(task) if (words := _click(snapshot, name))), None)


def click_button(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Click the button that the task names in quotes."""
    return next((words for name in _quoted(task) if (words := _click(snapshot, name, "button"))), None)


def close_dialog(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Press the button of a dialog; its cross is called Close."""
    name = _quoted(task)[-1]
    return _click(snapshot, "Close" if name == "x" else name, "button")


def click_tab(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Open the tab of the task."""
    match = re.search(r"Tab #\d+", task)
    return _click(snapshot, match.group()) if match else None


def search_tabs(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Click the link, or open the next tab to find it."""
    found = click_named(task, snapshot, done)
    if found:
        return found
    tabs = [e for e in snapshot.elements if e.role == "tab" and "selected" not in e.states]
    words = [f"click {name_of(snapshot, tab)}" for tab in tabs]
    return next((item for item in words if item not in done), None)


def focus_text(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Click the field, by its number if the task gives one."""
    match = re.search(r"(\d+)(?:st|nd|rd|th)", task)
    return f"click {name_of(snapshot, _fields(snapshot)[int(match[1]) - 1 if match else 0])}"


def fill_and_submit(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Type the task's values into the fields one after the other (one value goes into all), then press the button."""
    values = _quoted(task) or re.findall(r"\d[\d/:]*(?: [AP]M)?", task)
    for index, element in enumerate(_fields(snapshot)):
        text = values[min(index, len(values) - 1)]
        words = _type(snapshot, element, text)
        if words not in done:
            return words
    return _button(snapshot)


def search_form(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Fill a form whose fields are named like what the task says, then press its button."""
    patterns = {"director": r"directed by (\w+)", "genre": r"(?:for|the) (\w+) movies", "year": r"year (\d+)"}
    patterns["date"] = patterns["year"]
    for element in _fields(snapshot):
        word = next((w for w in patterns if w in element.name.lower()), "")
        match = re.search(patterns[word], task) if word else None
        if match and element.value != match[1]:
            return _type(snapshot, element, match[1])
    return _button(snapshot)


def in_sequence(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Click the buttons in the order in which the task names them."""
    names = re.findall(r"\b(ONE|TWO)\b", task)
    return _click(snapshot, names[min(len(done), len(names) - 1)], "button")


def click_color(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Click the box of the colour."""
    match = re.search(r"the (\w+) colored", task)
    found = next((e for e in snapshot.elements if match and match[1] in e.name.split()), None)
    return f"click {name_of(snapshot, found)}" if found else None


def click_widget(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Click a widget of the kind that the task names."""
    kind = _quoted(task)[0]
    for element in snapshot.elements:
        if element.role == "textbox":
            element_kind = "textarea" if element.tag == "textarea" else "text"
        else:
            element_kind = element.role
        if element_kind == kind:
            return ("check " if kind == "checkbox" else "click ") + name_of(snapshot, element)
    return None


def choose_in_list(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Choose what the task names in a list, then submit."""
    element = next(e for e in snapshot.elements if e.options)
    named = [option for option in element.options if re.search(rf"\b{re.escape(option)}\b", task)]
    if done or not named:
        return _button(snapshot)
    words = " and ".join(f'"{option}"' for option in named)
    return f"select {words} in {name_of(snapshot, element)}"


def check_boxes(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Check every box that the task names, then submit."""
    named = [
        name.strip() for name in re.sub(r" and click Submit.*", "", task).removeprefix("Select ").split(",")
    ]
    for element in snapshot.elements:
        if element.role == "checkbox" and element.name in named and "checked" not in element.states:
            return f"check {name_of(snapshot, element)}"
    return _button(snapshot)


def walk_menu(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Open the menu along the path."""
    path = task.removeprefix("Select ").split(">")
    return _click(snapshot, path[min(len(done), len(path) - 1)].strip())


def expand(task: str, snapshot: Snapshot, done: Sequence[str]) -> str | None:
    """Open the section, then submit."""
    if done:
        return _button(snapshot)
    found = next(e for e in snapshot.elements if "collapsed" in e.states)
    return f"click {name_of(snapshot, found)}"


def _button(snapshot: Snapshot) -> str | None:
    buttons = [e for e in snapshot.elements if e.role == "button"]
    wanted = ("submit", "login", "ok", "go!", "search")
    found = next(
        (e for name in wanted for e in buttons if e.name.lower() == name), buttons[-1] if buttons else None
    )
    return f"click {name_of(snapshot, found)}" if found else _click(snapshot, "Submit")


EXPERTS: dict[str, Expert] = {
    "click-button": click_button,
    "click-button-sequence": in_sequence,
    "click-checkboxes-large": check_boxes,
    "click-collapsible": expand,
    "click-color": click_color,
    "click-dialog": close_dialog,
    "click-dialog-2": close_dialog,
    "click-link": click_named,
    "click-menu": walk_menu,
    "click-scroll-list": choose_in_list,
    "click-tab": click_tab,
    "click-tab-2": search_tabs,
    "click-widget": click_widget,
    "enter-date": fill_and_submit,
    "enter-password": fill_and_submit,
    "enter-text-dynamic": fill_and_submit,
    "enter-time": fill_and_submit,
    "focus-text": focus_text,
    "focus-text-2": focus_text,
    "multi-layouts": search_form,
}
