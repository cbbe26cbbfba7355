"""A page as the agent handles it: the snapshot as plain data and back, and its text without ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agentkit.content import Box

from ...tools.browser import Element, Line, Snapshot

IDS = re.compile(r"[*~]?\[e\d+\] ")
TEXT_FIELDS = frozenset({"textbox", "searchbox", "spinbutton", "combobox"})
WORDLESS = frozenset({"clickable"})
# Tokens (of four characters) of a page in a prompt, for small models.
PAGE_BUDGET = 400


def load_snapshot(data: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot of ``Snapshot.to_json``."""
    elements = tuple(
        Element(
            **{
                **item,
                "box": Box(*item["box"]),
                "states": tuple(item["states"]),
                "options": tuple(item["options"]),
            }
        )
        for item in data["elements"]
    )
    lines = tuple(
        Line(tuple((part["id"],) if isinstance(part, dict) else part for part in line))
        for line in data["lines"]
    )
    return Snapshot(data["url"], data["title"], elements, lines, tuple(data["scroll"]))


def page_text(snapshot: Snapshot, task: str = "", budget: int | None = PAGE_BUDGET) -> str:
    """Return the page's text for a prompt: elements in words, without the ids that only this page knows.

    Above ``budget`` tokens the lines least relevant to ``task`` are left out (state abstraction, Synapse).
    """
    return without_ids(snapshot.text(budget, task))


def without_ids(text: str) -> str:
    """Return a snapshot's text in words alone."""
    for role in WORDLESS:
        text = re.sub(rf"(\[e\d+\]) {role} ", r"\1 ", text)
    return IDS.sub("", text)


def is_text_field(element: Element) -> bool:
    """Say whether text can be typed into an element."""
    if "disabled" in element.states or "readonly" in element.states:
        return False
    return element.role in TEXT_FIELDS and not element.options and element.value is not None


def name_of(snapshot: Snapshot, element: Element) -> str:
    """Return an element in words, told apart from its twins: ``clickable "Like" of "Ada @ada"``, ``button "Ok" (2)``."""
    role = "" if element.role in WORDLESS else element.role
    words = f'{role} "{element.name}"'.strip() if element.name else role or "place"
    twin = snapshot.twins.get(element.id)
    if twin is None:
        return words
    if twin.about:
        words += f' of "{twin.about}"'
    return f"{words} ({twin.number})" if twin.count > 1 else words
