"""Undo: back to the page as it was before the last action, when that can be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from agentkit.runtime.journal import Entry

from ...tools.browser import Action, Snapshot
from .candidates import Candidate
from .state import Done, WebState
from .values import STOP, words_of

NAME = "undo"
WORDS = "undo the last action"


def undo_of(state: WebState) -> Candidate | None:
    """Return the candidate that takes the last action back; None when there is nothing to take back.

    Not taken back: what changed nothing, what sent something or may be irreversible, an undo itself, and anything in
    an episode (whose page would begin anew).
    """
    history = state["history"]
    if not history or state["episode"] or not _reversible(history[-1]):
        return None
    return Candidate(WORDS, Action(NAME, value=str(len(history) - 1)))


def led_away(history: Sequence[Done], snapshot: Snapshot, task: str) -> bool:
    """Say whether the page has fewer of the task's words than the one that the last action left."""
    wanted = set(words_of(task)) - STOP
    now = snapshot.text() + snapshot.title
    return bool(history) and _shared(wanted, now) < _shared(wanted, history[-1]["page"])


def undone(history: Sequence[Done]) -> set[int]:
    """Return the numbers of the steps that were taken back."""
    return {
        number
        for number, (_, after) in enumerate(pairwise(history))
        if after["words"] == WORDS and after["changed"]
    }


def kept(history: Sequence[Done]) -> list[Done]:
    """Return the steps that had an effect and still stand: neither what was taken back nor the taking back."""
    gone = undone(history)
    return [
        step
        for number, step in enumerate(history)
        if step["changed"] and number not in gone and step["words"] != WORDS
    ]


def standing(entries: Iterable[Entry], also: int | None = None) -> list[Entry]:
    """Return the journalled actions on pages that still stand; ``also`` is the number of one more that is taken back."""
    entries = list(entries)
    undos = [entry for entry in entries if entry.effect.name == NAME]
    gone = {int(entry.effect.arguments["action"]["value"]) for entry in undos} | {also}
    return [e for e in entries if e.effect.name != NAME and e.effect.arguments["number"] not in gone]


def _reversible(step: Done) -> bool:
    return step["changed"] and not step["sent"] and not step.get("final") and step["words"] != WORDS


def _shared(wanted: set[str], text: str) -> int:
    return len(wanted & set(words_of(text)))
