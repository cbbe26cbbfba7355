"""A step's page as the web agent sees pages: a snapshot whose elements are the step's candidates."""

from __future__ import annotations

from collections.abc import Collection

from ...tools.browser import Element, Line, Snapshot
from .dom import Node, abstracted, parse

NAME_WORDS = 20
ROLES = {"a": "link", "button": "button", "select": "combobox", "textarea": "textbox", "option": "option"}
INPUTS = {
    "submit": "button",
    "button": "button",
    "reset": "button",
    "image": "button",
    "checkbox": "checkbox",
    "radio": "radio",
    "search": "searchbox",
    "number": "spinbutton",
}
LABELS = ("aria_label", "aria-label", "label", "placeholder", "title", "alt", "name", "value", "input_value")


def snapshot_of(html: str, ids: Collection[str], url: str = "") -> Snapshot:
    """Return the abstracted page around some candidates; the element of backend node 17 has the id ``e17``.

    Roles come from tags and attributes, names from text and labels; where things are on the screen is not known.
    """
    whole = parse(html)
    originals = {node.id: node for node in whole.walk() if node.id in ids}
    elements: list[Element] = []
    lines: list[Line] = []
    hidden: set[int] = set()
    for node in abstracted(whole, ids).walk():
        if node.id and node.id in originals:
            # The text of an element is its name: it does not stand on the page a second time.
            hidden.update(id(child) for child in node.walk() if not child.tag)
            element = _element(originals[node.id])
            elements.append(element)
            lines.append(Line(((element.id,),)))
        elif node.text and id(node) not in hidden:
            lines.append(Line((node.text,)))
    return Snapshot(url, "", tuple(elements), tuple(lines))


def backend_id(element: str) -> str:
    """Return the backend node id of an element's id."""
    return element.removeprefix("e")


def _element(node: Node) -> Element:
    role, kind = _role(node), node.attributes.get("type", "").lower()
    options = tuple(
        dict.fromkeys(
            text for option in node.walk() if option.tag == "option" and (text := option.words().strip())
        )
    )
    takes_text = role in ("textbox", "searchbox", "spinbutton")
    states = ["password"] if kind == "password" else []
    if node.attributes.get("input_checked", "").lower() == "true":
        states.append("checked")
    return Element(
        id=f"e{node.id}",
        role=role,
        name=_name(node, role),
        tag=node.tag,
        value=node.attributes.get("input_value", "") if takes_text or options else None,
        states=tuple(states),
        options=options if node.tag == "select" else (),
    )


def _role(node: Node) -> str:
    if node.tag == "input":
        return INPUTS.get(node.attributes.get("type", "text").lower(), "textbox")
    if node.tag in ROLES:
        return ROLES[node.tag]
    stated = node.attributes.get("role", "")
    return (
        stated
        if stated in ("button", "link", "tab", "checkbox", "radio", "menuitem", "option")
        else "clickable"
    )


def _name(node: Node, role: str) -> str:
    own = "" if node.tag == "select" else node.words()
    labels = (node.attributes.get(name, "") for name in LABELS)
    name = own or next((label for label in labels if label.strip()), "")
    return " ".join(name.split()[:NAME_WORDS])
