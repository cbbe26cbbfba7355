"""What comes last: a form is sent when nothing that the task names is left to put into it.

A rule, not the model's: small models press the button too early, because the button's name is in the task as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...tools.browser import Element, Snapshot
from .candidates import Candidate, speaks_of
from .values import SPACELESS, STOP, typed

SENDS = frozenset({"button"})
CHOOSES = frozenset({"radio", "option", "menuitemradio", "switch"})
# Words by which a task says that something is to be put into a field.
ENTERS = re.compile(
    r"\b(enter|type|fill|write|input|set|search|log ?in|sign ?in|put|register|book)\b", re.IGNORECASE
)


# Words by which a task speaks of an account, whose secrets are then to be typed.
LOGS_IN = re.compile(
    r"\b(log|sign) ?(in|on|up)\b|account|password|einlogg|anmeld|connexion|connecte|sesión|accedi|inlogg",
    re.IGNORECASE,
)


def sends(candidate: Candidate, snapshot: Snapshot) -> bool:
    """Say whether a candidate would send a form on its way: its button, or Enter in a field."""
    # An id that is not on the page is the action's own error, told when it is tried.
    if candidate.action is None or candidate.action.element not in snapshot:
        return False
    element = snapshot.get(candidate.action.element or "")
    return candidate.kind == "press" or (
        candidate.kind == "click" and (element.submits or element.role in SENDS)
    )


def sends_last(candidates: Sequence[Candidate], snapshot: Snapshot, task: str) -> list[Candidate]:
    """Return the candidates without those that send (or finish) while the task names things to fill, check or choose."""
    if not pending(candidates, snapshot, task):
        return list(candidates)
    return [c for c in candidates if not (sends(c, snapshot) or c.kind == "finish")]


def pending(candidates: Sequence[Candidate], snapshot: Snapshot, task: str) -> list[Candidate]:
    """Return the candidates that put something into the page that the task names and that is not there yet."""
    return [candidate for candidate in candidates if _pending(candidate, snapshot, task)]


def _pending(candidate: Candidate, snapshot: Snapshot, task: str) -> bool:
    """Say whether a candidate puts something into the page that the task names and that is not there yet."""
    action = candidate.action
    if action is None or action.element is None:
        return False
    element = snapshot.get(action.element)
    if candidate.kind == "upload_file":
        return element.role == "file"
    if candidate.kind == "fill":
        return _to_type(candidate, element, snapshot, task)
    if candidate.kind == "check" or (candidate.kind == "click" and element.role in CHOOSES):
        return named(element.name, task)
    if candidate.kind == "select_option" and isinstance(action.value, str):
        return named(action.value, task) and action.value not in (element.value or "")
    return False


def _to_type(candidate: Candidate, element: Element, snapshot: Snapshot, task: str) -> bool:
    value = candidate.value
    if value is not None and value.source == "correction" and speaks_of(value, element):
        return element.value != typed(value, element.states)
    if value is not None and value.source == "secret":
        return not element.value and bool(LOGS_IN.search(task) or speaks_of(value, element))
    if value is None or element.value or not (value.said or ENTERS.search(task)):
        return False
    # A password goes into its field and into the one that repeats it, though the first holds it already.
    if value.said or speaks_of(value, element):
        return True
    held = {other.value for other in snapshot.elements}
    return value.kind in ("quoted", "date", "time", "email") and value.text not in held


def named(name: str, task: str) -> bool:
    """Say whether a task speaks of a name: as a whole, in any case, and not as one of the words of every task."""
    words = name.strip().lower()
    if not words or words in STOP:
        return False
    if SPACELESS.search(words):
        return words in task.lower()
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", task.lower()) is not None
