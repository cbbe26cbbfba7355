"""A BrowserGym observation as the web agent's own: a snapshot, a picture, the goal, the user's last words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentkit.content import Box, Image

from ...tools.browser import Element, Line, Snapshot

# Roles of the accessibility tree that can be acted on, in the web agent's names.
_ACTED = (
    "button checkbox combobox gridcell link listbox menuitem menuitemcheckbox menuitemradio option radio searchbox "
    "slider spinbutton switch tab textbox treeitem"
)
ROLES = {**{role: role for role in _ACTED.split()}, "DisclosureTriangle": "button", "textField": "textbox"}
TEXTS = frozenset({"textbox", "searchbox", "spinbutton"})
STATES = ("checked", "selected", "expanded", "disabled", "focused", "required", "readonly")
# What a visible share of an element is enough to click it (BrowserGym's own threshold).
IN_VIEW = 0.5

Node = Mapping[str, Any]


@dataclass
class Bids:
    """Names the elements of a page for the web agent: ``e5`` for a bid, the same one every time."""

    _numbers: dict[str, int] = field(default_factory=dict)

    def id_of(self, bid: str) -> str:
        """Return the element id of a bid, a new one when it is seen for the first time."""
        return f"e{self._numbers.setdefault(bid, len(self._numbers) + 1)}"

    def bid_of(self, id: str) -> str:
        """Return the bid of an element id."""
        return next(bid for bid, number in self._numbers.items() if id == f"e{number}")


def snapshot_of(observation: Mapping[str, Any], bids: Bids) -> Snapshot:
    """Return the page of an observation, from its ``axtree_object`` and ``extra_element_properties``.

    An element is what has a bid and a role that is acted on, or what BrowserGym calls clickable. The options of a
    list belong to the list. Forms and where links lead are not in an observation.
    """
    reading = _Reading(observation.get("extra_element_properties") or {}, bids)
    nodes: Sequence[Node] = observation["axtree_object"]["nodes"]
    reading.nodes = {node["nodeId"]: node for node in nodes}
    if nodes:
        reading.read(nodes[0])
    index = int(_first(observation.get("active_page_index", 0)))
    titles = observation.get("open_pages_titles") or ()
    title = titles[index] if index < len(titles) else ""
    return Snapshot(observation.get("url", ""), title, tuple(reading.elements), tuple(reading.lines))


@dataclass
class _Reading:
    extra: Mapping[str, Mapping[str, Any]]
    bids: Bids
    nodes: dict[str, Node] = field(default_factory=dict)
    elements: list[Element] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def read(self, root: Node) -> None:
        """Walk the tree in the page's order; what stands in the name of an element is not read a second time."""
        stack: list[tuple[Node, str]] = [(root, "")]
        seen: set[str] = set()
        while stack:
            node, said = stack.pop()
            if node["nodeId"] in seen:
                continue
            seen.add(node["nodeId"])
            role, name = _text(node, "role"), _text(node, "name")
            element = self._element(node, role, name)
            if element is not None:
                self.elements.append(element)
                self.lines.append(Line(((element.id,),)))
                said = element.name
                if element.options:
                    continue
            elif role == "StaticText" and name and name not in said:
                self.lines.append(Line((name,)))
            children = [self.nodes[id] for id in node.get("childIds", ()) if id in self.nodes]
            stack.extend((child, said) for child in reversed(children))

    def _element(self, node: Node, role: str, name: str) -> Element | None:
        bid = node.get("browsergym_id")
        if bid is None or role in ("RootWebArea", "WebArea"):
            return None
        known = self.extra.get(bid, {})
        named = ROLES.get(role) or ("clickable" if known.get("clickable") else None)
        if named is None:
            return None
        states = _states(node)
        options = self._options(node) if named in ("combobox", "listbox") else ()
        value = _value(node) if named in TEXTS or options or named in ("combobox", "slider") else None
        return Element(
            id=self.bids.id_of(bid),
            role=named,
            name=name or self._words(node),
            tag=role,
            value=value,
            states=states,
            options=options,
            box=_box(known.get("bbox")),
            in_view=known.get("visibility", 1.0) >= IN_VIEW,
        )

    def _options(self, node: Node) -> tuple[str, ...]:
        below = self._below(node)
        found = [_text(n, "name") for n in below if _text(n, "role") in ("option", "MenuListOption")]
        return tuple(dict.fromkeys(text for text in found if text))

    def _words(self, node: Node) -> str:
        return " ".join(_text(n, "name") for n in self._below(node) if _text(n, "role") == "StaticText")

    def _below(self, node: Node) -> list[Node]:
        found: list[Node] = []
        waiting = list(node.get("childIds", ()))
        while waiting:
            child = self.nodes.get(waiting.pop(0))
            if child is not None and child not in found:
                found.append(child)
                waiting = [*child.get("childIds", ()), *waiting]
        return found


def picture_of(observation: Mapping[str, Any]) -> Image:
    """Return the screenshot (height x width x 3, uint8); one white pixel when the observation has none."""
    import numpy as np
    from PIL import Image as Pil

    pixels = observation.get("screenshot")
    if pixels is None:
        pixels = np.full((1, 1, 3), 255, np.uint8)
    return Image.of_pixels(Pil.fromarray(np.asarray(pixels, np.uint8)))


def goal_of(observation: Mapping[str, Any]) -> str:
    """Return the task: the text of ``goal_object``, else ``goal``, else what the user said last."""
    parts = [part["text"] for part in observation.get("goal_object") or () if part.get("type") == "text"]
    return "\n".join(parts) or str(observation.get("goal") or "") or last_words(observation)[1]


def last_words(observation: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many messages of the user there are, and the last of them."""
    said = [
        str(message["message"])
        for message in observation.get("chat_messages") or ()
        if message["role"] == "user"
    ]
    return len(said), said[-1] if said else ""


def _text(node: Node, key: str) -> str:
    return str((node.get(key) or {}).get("value") or "").strip()


def _value(node: Node) -> str:
    return str((node.get("value") or {}).get("value") or "")


def _states(node: Node) -> tuple[str, ...]:
    known = {item["name"]: item["value"].get("value") for item in node.get("properties", ())}
    return tuple(state for state in STATES if known.get(state) in (True, "true", "mixed"))


def _box(found: Sequence[float] | None) -> Box:
    if not found:
        return Box(0, 0, 0, 0)
    left, top, width, height = found
    return Box(left, top, left + width, top + height)


def _first(value: Any) -> Any:
    return value[0] if hasattr(value, "__len__") else value
