"""When to ask: a field that the task demands, and no value for it in the task or in earlier answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...tools.browser import Element, Snapshot
from .candidates import field_name, speaks_of, values_for
from .page import is_text_field
from .values import Value, tokens_of

# Words by which a task demands that something be put into a field, and words for a field that has no name.
DEMANDS = re.compile(r"\b(enter|type|fill|write|input|set|search|log ?in|sign ?in|use|put)\b", re.IGNORECASE)
CHOOSES = re.compile(r"\b(select|choose|pick|set)\b", re.IGNORECASE)
A_FIELD = re.compile(r"\b(text ?fields?|text ?box(es)?|input|text|fields?|form)\b", re.IGNORECASE)
A_LIST = re.compile(r"\b(list|drop-?down|option|item|menu)\b", re.IGNORECASE)
NAMELESS = re.compile(r"^\W*$|^tt?\d*$", re.IGNORECASE)
MAX_CHOICES = 12


@dataclass(frozen=True)
class Gap:
    """A field that needs a value that nobody named."""

    field: str
    element: str
    choices: tuple[str, ...] = ()
    why: str = ""

    def question(self) -> dict[str, Any]:
        """Return the question to the user, as arguments of ``ask_user``."""
        what = "text" if NAMELESS.match(self.field) else self.field
        text = f"Which {what}?" if self.choices else f"What should be entered as {what!r}?"
        why = self.why or f"The task needs a value for the field {self.field!r} of this page and names none."
        return {"text": text, "missing": what, "choices": list(self.choices), "why": why}


def gaps(task: str, snapshot: Snapshot, values: Sequence[Value]) -> list[Gap]:
    """Return the fields that the task demands and names no value for.

    A field counts as demanded when the task speaks of entering something and of this field (by a word of its name,
    or as "the text field" when it is the page's only one or has no name of its own). It has a value when the task
    or the user gave one that could go into it, and when it already holds one.
    """
    found = [
        _text_gap(task, snapshot, element, values) for element in snapshot.elements if is_text_field(element)
    ]
    found += [_choice_gap(task, element, values) for element in snapshot.elements if element.options]
    return [gap for gap in found if gap is not None]


def _text_gap(task: str, snapshot: Snapshot, element: Element, values: Sequence[Value]) -> Gap | None:
    if element.value or not DEMANDS.search(task) or not _speaks_of(task, snapshot, element):
        return None
    if _has_value(element, values, snapshot):
        return None
    return Gap(field_name(element), element.id)


def _choice_gap(task: str, element: Element, values: Sequence[Value]) -> Gap | None:
    lowered = task.lower()
    named = any(
        re.search(rf"\b{re.escape(option.lower())}\b", lowered) for option in element.options if option
    )
    said = any(value.source == "user" and value.text in element.options for value in values)
    demanded = CHOOSES.search(task) and (A_LIST.search(task) or _shares(task, element))
    if named or said or not demanded:
        return None
    return Gap(
        field_name(element), element.id, tuple(option for option in element.options if option)[:MAX_CHOICES]
    )


def _speaks_of(task: str, snapshot: Snapshot, element: Element) -> bool:
    if _shares(task, element):
        return True
    fields = [other for other in snapshot.elements if is_text_field(other)]
    return bool(A_FIELD.search(task)) and (len(fields) == 1 or bool(NAMELESS.match(element.name)))


def _shares(task: str, element: Element) -> bool:
    return any(len(word) > 2 and word in set(tokens_of(task)) for word in tokens_of(element.name))


def _has_value(element: Element, values: Sequence[Value], snapshot: Snapshot) -> bool:
    """Say whether some value could be this field's: one that speaks of it, or a sure one that speaks of no other."""
    own = set(tokens_of(element.name))
    # The field's own name is not its value, and a mere word of the task is one only where the task says so.
    fitting = [v for v in values_for(snapshot, element, values) if not set(tokens_of(v.text)) <= own]
    held = {other.value for other in snapshot.elements if is_text_field(other) and other.id != element.id}
    return any(_said(v, element) or (v.kind != "word" and v.text not in held) for v in fitting)


def _said(value: Value, element: Element) -> bool:
    return speaks_of(value, element) or (value.source == "user" and value.cue == field_name(element))
