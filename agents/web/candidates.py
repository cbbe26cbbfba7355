"""What could be done next: element by operation, with values from the task's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...tools.browser import Action, Element, Snapshot
from .given import HELD, file_action, files_for, secrets_for
from .page import is_text_field, name_of
from .values import Value, tokens_of, typed, words_of

LIMIT = 60
CHECKED = frozenset({"checkbox"})
# Not acted on by itself: what it contains is.
CONTAINERS = frozenset({"dialog", "alertdialog"})
VALUES_A_FIELD = 6
# A name that says nothing: none, or that of a text field without a label in the benchmark's pages.
NAMELESS = re.compile(r"^\W*$|^tt?\d*$", re.IGNORECASE)
# Words of one stem begin with as many letters alike.
STEM = 5
# Words by which a field asks for the value of another once more.
REPEATED = frozenset(
    ["verify", "confirm", "confirmation", "repeat", "again", "retype", "reenter", "re", "enter"]
)


@dataclass(frozen=True)
class Candidate:
    """One thing that could be done, as the words that a model ranks and as the action that does it.

    ``action`` is None for ``finish`` and for ``ask``. ``value`` is what is typed or chosen, with its source.
    ``ask`` holds the id of the field whose value nobody named (the words then stand for filling it).
    """

    words: str
    action: Action | None = None
    value: Value | None = None
    ask: str = ""

    @property
    def kind(self) -> str:
        if self.action is not None:
            return self.action.name
        return "ask" if self.ask else "finish"

    @property
    def element(self) -> str | None:
        """The id of the element that is acted on, None where there is none."""
        return self.action.element if self.action else None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data, for the state of the graph."""
        return {
            "words": self.words,
            "kind": self.kind,
            "action": self.action.to_json() if self.action else None,
            "value": self.value.to_json() if self.value else None,
            "ask": self.ask,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Candidate:
        """Return the candidate of ``to_json``."""
        action = Action.from_json(data["action"]) if data["action"] else None
        value = Value(**data["value"]) if data["value"] else None
        return cls(data["words"], action, value, data["ask"])


FINISH = Candidate("finish")
# Offered to models that write their actions: a small one that ranks would give up too soon.
INFEASIBLE = Candidate("report_infeasible")


def candidates_of(
    snapshot: Snapshot,
    task: str,
    values: Sequence[Value],
    *,
    finish: bool = False,
    missing: Sequence[Element] = (),
    limit: int = LIMIT,
) -> list[Candidate]:
    """Return what could be done on a page, in the page's order, each once.

    Above ``limit`` those go that share the fewest words with the task. ``finish`` adds the end of the task;
    ``missing`` are fields whose value would have to be asked for.
    """
    found: dict[str, Candidate] = {}
    asked = {element.id for element in missing}
    for element in snapshot.elements:
        if "disabled" in element.states or element.role in CONTAINERS:
            continue
        for candidate in _of_element(snapshot, element, values, task):
            found.setdefault(candidate.words, candidate)
        if element.id in asked:
            ask = Candidate(_fill_words(_the_value(element), name_of(snapshot, element)), ask=element.id)
            found.setdefault(ask.words, ask)
    kept = _nearest(list(found.values()), task, limit)
    return [*kept, FINISH] if finish else kept


def _of_element(snapshot: Snapshot, element: Element, values: Sequence[Value], task: str) -> list[Candidate]:
    name = name_of(snapshot, element)
    if (files := files_for(element, values)) or element.role == "file":
        return _files(snapshot, element, [value.text for value in files])
    if is_text_field(element):
        found = [
            Candidate(
                _fill_words(f'"{value.text}"', name),
                Action.on(snapshot, "fill", element.id, typed(value, element.states)),
                value,
            )
            for value in values_for(snapshot, element, values)
            if not _holds(element, typed(value, element.states))
        ]
        if "focused" not in element.states:
            found.append(Candidate(f"click {name}", Action.on(snapshot, "click", element.id)))
        if element.value:
            found.append(
                Candidate(f"press Enter in {name}", Action.on(snapshot, "press", element.id, "Enter"))
            )
        return found
    if element.options:
        return _choices(snapshot, element, name, task)
    if element.role in CHECKED:
        if "checked" in element.states:
            return []
        return [Candidate(f"check {name}", Action.on(snapshot, "check", element.id))]
    # A radio button that is chosen, and a field that has the focus, are as a click would leave them.
    if (element.role == "radio" and "checked" in element.states) or (
        element.value is not None and "focused" in element.states
    ):
        return []
    found = [Candidate(f"click {name}", Action.on(snapshot, "click", element.id))]
    if element.role == "menuitem" and "popup" in element.states and "expanded" not in element.states:
        # Many menus open under the mouse, and a click there already chooses.
        found.append(Candidate(f"hover {name}", Action.on(snapshot, "hover", element.id)))
    return found


def _files(snapshot: Snapshot, element: Element, names: Sequence[str]) -> list[Candidate]:
    """Return the files that could be given to an element, each alone, and all of them where it takes several."""
    sets = [[name] for name in names] + (
        [list(names)] if len(names) > 1 and "multiple" in element.states else []
    )
    made = ((file_action(snapshot, element, some), ", ".join(some)) for some in sets)
    return [Candidate(words, action, Value(text, "upload", "file")) for (words, action), text in made]


def _holds(element: Element, text: str) -> bool:
    """Say whether a field already holds a text; of a password only the length shows."""
    if "password" in element.states and element.value and set(element.value) == {"*"}:
        return len(element.value) == len(text)
    return element.value == text


def _choices(snapshot: Snapshot, element: Element, name: str, task: str) -> list[Candidate]:
    """Return the options of a list; of a list that takes several, those that the task names in one go as well."""
    lowered = task.lower()
    named = [option for option in element.options if option.lower() in lowered]
    found = []
    for option in element.options:
        if option != element.value:
            action = Action.on(snapshot, "select_option", element.id, option)
            found.append(Candidate(f'select "{option}" in {name}', action, Value(option, "page", "option")))
    if "multiple" in element.states and len(named) > 1 and " | ".join(named) != element.value:
        action = Action.on(snapshot, "select_option", element.id, tuple(named))
        words = " and ".join(f'"{option}"' for option in named)
        found.append(
            Candidate(f"select {words} in {name}", action, Value(", ".join(named), "task", "option"))
        )
    return found


def values_for(snapshot: Snapshot, element: Element, values: Sequence[Value]) -> list[Value]:
    """Return the values that could go into a field, the user's secrets that belong there first."""
    free = [value for value in values if value.source not in HELD]
    return [*secrets_for(snapshot, element, values), *_named_for(snapshot, element, free)]


def _named_for(snapshot: Snapshot, element: Element, values: Sequence[Value]) -> list[Value]:
    """Return the values that could go into a field.

    What the user answered about it; else the values that speak of it (by the words before them, or by their kind);
    else those that speak of no other field of the page.
    """
    said = [value for value in values if answers(value, element)]
    if said:
        return said
    free = [value for value in values if not value.said]
    # What the user says of a field later replaces what they said before.
    if later := [value for value in free if value.source == "correction" and speaks_of(value, element)]:
        return later[:VALUES_A_FIELD]
    kind = next((state for state in ("date", "time") if state in element.states), None)
    fitting = [value for value in free if (value.kind == kind if kind else speaks_of(value, element))]
    if not fitting:
        others = [other for other in snapshot.elements if is_text_field(other) and other.id != element.id]
        fitting = [value for value in free if not any(speaks_of(value, other) for other in others)]
    return fitting[:VALUES_A_FIELD]


def speaks_of(value: Value, element: Element) -> bool:
    """Say whether the words just before a value name a field ("directed by" names the director)."""
    named, cue = tokens_of(element.name), value.cue.split()[-2:]
    return any(a == b or (len(a) > STEM and a[:STEM] == b[:STEM]) for a in named for b in cue)


def answers(value: Value, element: Element) -> bool:
    """Say whether a value is what the user said of a field, or of the field that it repeats ("Verify password")."""
    return value.said and about(value.cue) == about(field_name(element))


def about(field: str) -> frozenset[str]:
    """Return the words of a field's name that say what it takes; those that repeat it take the same."""
    words = frozenset(tokens_of(field))
    return words - REPEATED or words


def field_name(element: Element) -> str:
    """Return what a field is called in a question: its label, else what it takes."""
    if not NAMELESS.match(element.name):
        return element.name
    return next((state for state in ("date", "time", "password", "email") if state in element.states), "text")


def _the_value(element: Element) -> str:
    return f"the {element.name.lower()}" if element.name else "the text"


def _fill_words(value: str, name: str) -> str:
    return f"type {value} into {name}"


def _nearest(candidates: list[Candidate], task: str, limit: int) -> list[Candidate]:
    if len(candidates) <= limit:
        return candidates
    wanted = set(words_of(task))
    shared = [len(wanted & set(words_of(candidate.words))) for candidate in candidates]
    best = sorted(range(len(candidates)), key=lambda index: (-shared[index], index))[:limit]
    return [candidates[index] for index in sorted(best)]


def decided(decision: dict[str, Any] | None) -> Candidate:
    """Return the candidate of a state's decision."""
    assert decision is not None, "nothing was decided"
    return Candidate.from_json(decision)
