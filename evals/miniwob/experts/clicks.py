"""Experts for tasks of clicking what is named: buttons, links, tabs, sections, menus, boxes, trees."""

from __future__ import annotations

import re

from ....agents.web.candidates import Candidate
from .desk import Desk, Expert
from .words import SYNONYMS


def click_named(desk: Desk) -> Candidate | None:
    """Click what the task names in quotes."""
    found = (desk.click(desk.named(name)) for name in desk.quoted)
    return next((move for move in found if move), None)


def click_button(desk: Desk) -> Candidate | None:
    """Click the button that the task names in quotes."""
    return desk.click(desk.named(desk.quote(), "button"))


def in_sequence(desk: Desk) -> Candidate | None:
    """Click the buttons in the order in which the task names them."""
    names = re.findall(r"\b(ONE|TWO)\b", desk.task)
    return desk.click(desk.named(names[min(len(desk.done), len(names) - 1)], "button"))


def close_dialog(desk: Desk) -> Candidate | None:
    """Press the button of a dialog; its cross is called Close."""
    name = desk.quote(-1)
    return desk.click(desk.named("Close" if name == "x" else name, "button"))


def click_tab(desk: Desk) -> Candidate | None:
    """Open the tab of the task."""
    return desk.click(desk.named(desk.said(r"(Tab #\d+)")))


def search_tabs(desk: Desk) -> Candidate | None:
    """Click the link; where it does not show, open the next tab or section that was not opened yet."""
    link = desk.named(desk.quote(), "clickable", "link")
    if link is not None:
        return desk.click(link)
    moves = (desk.new(desk.click(tab)) for tab in desk.of_role("tab") if "expanded" not in tab.states)
    return next((move for move in moves if move), None)


def expand(desk: Desk) -> Candidate | None:
    """Open the section, then submit."""
    closed = desk.where(lambda e: "collapsed" in e.states)
    return desk.submit() if desk.done or closed is None else desk.click(closed)


def walk_menu(desk: Desk) -> Candidate | None:
    """Point at each item of the path, so that its menu opens, and click the last."""
    path = [part.strip() for part in desk.task.removeprefix("Select ").split(">")]
    for depth in range(len(path) - 1, -1, -1):
        item = desk.named(path[depth], "menuitem")
        if item is not None:
            return desk.click(item) if depth == len(path) - 1 else desk.hover(item)
    return None


def click_widget(desk: Desk) -> Candidate | None:
    """Click a widget of the kind that the task names."""
    kind = desk.quote()

    def fits(role: str, tag: str) -> bool:
        return (("textarea" if tag == "textarea" else "text") if role == "textbox" else role) == kind

    return desk.click(desk.where(lambda e: fits(e.role, e.tag)))


def check_boxes(desk: Desk) -> Candidate | None:
    """Check every box that the task names, or one that means the same, then submit."""
    listed = re.sub(r" and click Submit.*", "", desk.task)
    listed = re.sub(r"^Select (words similar to )?", "", listed)
    wanted = {name.strip() for name in listed.split(",")}
    if "similar" in desk.task:
        wanted |= {word for group in SYNONYMS if wanted & set(group) for word in group}
    box = desk.where(lambda e: e.role == "checkbox" and e.name in wanted and "checked" not in e.states)
    return desk.click(box) or desk.submit()


def open_tree(desk: Desk) -> Candidate | None:
    """Click the file or folder; where it does not show, open the next closed folder."""
    target = desk.where(lambda e: e.name == desk.quote())
    return desk.click(target or desk.where(lambda e: "expandable" in e.name.split()))


def choose_in_list(desk: Desk) -> Candidate | None:
    """Choose what the task names in a list, then submit."""
    listbox = next(e for e in desk.elements if e.options)
    named = [option for option in listbox.options if re.search(rf"\b{re.escape(option)}(?!\w)", desk.task)]
    # "Guinea" is named by "Equatorial Guinea" too: of two, only the one that the list of the task holds.
    exact = {part.strip() for part in re.sub(r"^Select | from .*$", "", desk.task).split(",")}
    named = [option for option in named if option in exact] or named
    return desk.new(desk.select(listbox, named)) or desk.submit()


EXPERTS: dict[str, Expert] = {
    "click-button": click_button,
    "click-button-sequence": in_sequence,
    "click-checkboxes-large": check_boxes,
    "click-checkboxes-soft": check_boxes,
    "click-collapsible": expand,
    "click-collapsible-2": search_tabs,
    "click-dialog": close_dialog,
    "click-dialog-2": close_dialog,
    "click-link": click_named,
    "click-menu": walk_menu,
    "click-scroll-list": choose_in_list,
    "click-tab": click_tab,
    "click-tab-2": search_tabs,
    "click-widget": click_widget,
    "navigate-tree": open_tree,
}
