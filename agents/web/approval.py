"""What needs the user's approval before it is done, and the question that asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ...tools.browser import ACTIONS, Element, Secret, Snapshot, irreversible
from .candidates import Candidate, decided
from .given import secrets_for
from .page import TEXT_FIELDS, load_snapshot
from .prompt import View
from .undo import NAME as UNDO
from .values import Source, tokens_of

YES, NO = "yes", "no"
# Actions whose value ends up in the page.
TYPES = frozenset({"fill", "type", "answer_dialog", "upload_file"})
# Letters of a word that tells where a text comes from; shorter ones and most numbers are in every page.
TELLING = 5
AROUND = 60
MOST_FIELDS = 8
_BY: Mapping[Source, str] = {
    "task": "your task",
    "user": "your answer",
    "correction": "your correction",
    "memory": "your memory",
    "page": "the page",
    "model": "the model",
    "secret": "your secret",
    "upload": "your file",
}


@dataclass(frozen=True)
class Origin:
    """Where a text comes from, and the words of a page around it when it comes from there."""

    source: Source
    quote: str = ""


def needs_approval(view: View, choice: Candidate, *, sandbox: bool = False) -> str | None:
    """Return why an action needs the user's approval, None when it does not.

    It may not be undone, its value comes from untrusted text, or it shows a secret where it does not belong. Holds for
    every policy: where a value comes from is looked up here, not believed.
    """
    if sandbox or choice.action is None:
        return None
    reasons = [
        _unknown(choice),
        irreversible(view.snapshot, choice.action),
        _untrusted(view, choice),
        _misplaced(view, choice),
    ]
    return "; ".join(reason for reason in reasons if reason) or None


def _unknown(choice: Candidate) -> str | None:
    assert choice.action is not None, "only actions need approval"
    known = choice.action.name in ACTIONS or choice.action.name == UNDO
    return None if known else "it is an action of your own, and what it does is not known"


def origin_of(text: str, view: View, element: Element | None = None) -> Origin:
    """Return where a text came from: the user, the task, a choice or words of a page, or nowhere (the model made it).

    A text that is not in the task comes from a page when it stands on one that was seen, or has a telling word of one.
    """
    lowered = text.strip().lower()
    said: dict[str, Source] = {value.text.lower(): value.source for value in view.values}
    if said.get(lowered, "task") != "task":
        return Origin(said[lowered])
    if lowered in view.task.lower() or lowered in said:
        return Origin("task")
    if element is not None and text in element.options:
        return Origin("page", text)
    mine = "\n".join([view.instruction, *(value.text for value in view.values)]).lower()
    known = set(tokens_of(mine))
    # Words, and what hangs together (an address) as a whole: its parts may all be in the task.
    whole = (piece.strip(".,;:!?()\"'") for piece in lowered.split())
    telling = [word for word in tokens_of(text) if len(word) >= TELLING and word not in known]
    telling += [piece for piece in whole if len(piece) >= TELLING and piece not in mine]
    for seen in _seen(view):
        for words in (lowered, *telling):
            if at := _stands_in(words, seen):
                return Origin("page", _around(seen, at.start(), at.end()))
    return Origin("model")


def source_of(text: str, view: View, element: Element) -> Source:
    """Return who said a text that is typed into an element."""
    return origin_of(text, view, element).source


def approval_question(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the question about the decided action, as arguments of ``ask_user``: what, where, and why it is asked."""
    choice = decided(state["decision"])
    snapshot = load_snapshot(state["page"])
    text = f"The next step is: {choice.words}, on {_where(snapshot, choice)}. Do it?"
    return {"text": text, "choices": [YES, NO], "why": f"It is asked first: {state.get('approval')}."}


def fields_of(view: View) -> str:
    """Return what the fields of the page hold, each with who said it; empty when they hold nothing."""
    held = [e for e in view.snapshot.elements if e.value and e.role in TEXT_FIELDS | {"file", "listbox"}]
    told = [f"{e.name or e.role} = {_value(e)} ({_BY[_by(e, view)]})" for e in held[:MOST_FIELDS]]
    more = len(held) - MOST_FIELDS
    return ", ".join([*told, f"and {more} more"] if more > 0 else told)


def _by(element: Element, view: View) -> Source:
    """Who filled a field: it holds its own value, which does not make that the page's."""
    return (
        "page" if element.options else origin_of(element.value or "", _without(view, element), element).source
    )


def _without(view: View, element: Element) -> View:
    bare = tuple(replace(e, value="") if e.id == element.id else e for e in view.snapshot.elements)
    return replace(view, snapshot=replace(view.snapshot, elements=bare, _index={}))


def _value(element: Element) -> str:
    return "***" if set(element.value or "") == {"*"} else f'"{(element.value or "")[:80]}"'


def _untrusted(view: View, choice: Candidate) -> str | None:
    action = choice.action
    if action is None or not any(_texts(choice)):
        return None
    element = (
        view.snapshot.get(action.element) if action.element and action.element in view.snapshot else None
    )
    for text in _texts(choice):
        origin = origin_of(text, view, element)
        if origin.source == "page":
            return f'the value "{text[:80]}" is not yours, but the page\'s, which says “{origin.quote}”'
    return None


def _texts(choice: Candidate) -> Sequence[str]:
    """What is typed, in the words in which it was said (a date may be typed in another form)."""
    action, said = choice.action, choice.value
    if action is None or (action.name not in TYPES and action.dialog is None):
        return ()
    value = action.value if action.dialog is None else action.dialog
    if isinstance(value, tuple):
        return value
    if said is not None and said.kind in ("date", "time") and said.source in ("task", "user", "memory"):
        return [said.text]
    return () if value in (None, "accept", "dismiss") else [value]


def _misplaced(view: View, choice: Candidate) -> str | None:
    action = choice.action
    if action is None or action.name != "fill" or not isinstance(action.value, str):
        return None
    known = [
        value for value in view.values if value.source == "secret" and value.text == action.value.strip()
    ]
    if not known or action.element is None or action.element not in view.snapshot:
        return None
    element = view.snapshot.get(action.element)
    elsewhere = not Secret("x", known[0].kind).allows(element.frame or view.snapshot.url)
    if elsewhere or "password" in element.states or known[0] in secrets_for(view.snapshot, element, known):
        # On another domain it is refused, whoever approves.
        return None
    return f"{element.describe()} is no place that keeps a secret to itself"


def _seen(view: View) -> Iterator[str]:
    """The words of the pages that were seen, the present one first, and of what actions told."""
    snapshot, own = view.snapshot, "\n".join(view.done)
    yield "\n".join([snapshot.title, *(line.words for line in snapshot.lines)])
    # What the agent itself put into a field is not the page's.
    held = (e.value for e in snapshot.elements if e.value and e.value not in own)
    yield "\n".join([*(text for e in snapshot.elements for text in (e.name, *e.options)), *held])
    for step in reversed(view.history):
        yield step["page"]
        yield step["result"]


def _stands_in(words: str, text: str) -> re.Match[str] | None:
    """Find a text: a short one as whole words (elsewhere it means nothing), another one anywhere."""
    pattern = re.escape(words)
    short = len(words) < TELLING and words.isascii()
    return re.search(rf"(?<!\w){pattern}(?!\w)" if short else pattern, text, re.IGNORECASE)


def _around(text: str, start: int, end: int) -> str:
    words = text[max(0, start - AROUND) : end + AROUND]
    return " ".join(words.split())


def _where(snapshot: Snapshot, choice: Candidate) -> str:
    action = choice.action
    element = snapshot.get(action.element) if action and action.element in snapshot else None  # type: ignore[arg-type]
    page = urlsplit(snapshot.url).netloc or snapshot.url
    frame = urlsplit(element.frame).netloc if element and element.frame else ""
    return f"{page} (in a frame of {frame})" if frame and frame != page else page


def answered_yes(answer: str) -> bool:
    """Say whether an answer approves."""
    return answer.strip().lower() in (YES, "y", "ok", "do it")
