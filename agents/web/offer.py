"""What is offered to the model: the candidates that the user, the policy and earlier tries leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...tools.browser import irreversible
from .candidates import FINISH, Candidate, candidates_of
from .loops import Circle, PageKey, circle
from .missing import Gap
from .order import sends_last
from .page import load_snapshot, name_of, page_text
from .prompt import View
from .state import Done, WebState
from .undo import undone

# The same action on the same page: a second time may be meant, a third is a loop.
REPEATS = 2


@dataclass(frozen=True)
class Offer:
    """What may be offered: ``finish`` when something was done; with ``deny`` nothing that can't be undone."""

    finish: bool = True
    deny: bool = False
    sandbox: bool = False


@dataclass(frozen=True)
class Offered:
    """What is left to choose from, the circles that other actions would close, and what the policy denies."""

    candidates: list[Candidate]
    circles: list[Circle]
    denied: list[str]


def offered(state: WebState, view: View, missing: Sequence[Gap], *, policy: Offer) -> Offered:
    """Return the candidates without those that are ruled out, in the page's order."""
    snapshot = view.snapshot
    asked = {gap.element for gap in missing}
    fields = [element for element in snapshot.elements if element.id in asked]
    finish = policy.finish and bool(state["history"])
    found = candidates_of(snapshot, view.instruction, view.values, finish=finish, missing=fields)
    found += view.dialog.answers(snapshot, view.values) if view.dialog else []
    barred = {*state["refused"], *state["spent"]}
    kept = [c for c in found if c.words not in barred and not _overwrites(c, state, view)]
    key = PageKey.of(snapshot, state["task"])
    closing = {
        c.words: found for c in kept if c is not FINISH and (found := circle(state["history"], c.words, key))
    }
    kept = [c for c in kept if c.words not in closing and repeated(c, state, key) < REPEATS]
    denied = [
        c.words
        for c in kept
        if policy.deny and c.action and irreversible(snapshot, c.action, sandbox=policy.sandbox)
    ]
    kept = [c for c in kept if c.words not in denied]
    return Offered(sends_last(kept, snapshot, view.instruction), list(closing.values()), denied)


def repeated(choice: Candidate, state: WebState, key: PageKey) -> int:
    """Return how often an action was done on a page that looked just like this.

    What had no effect, or was taken back, counts double.
    """
    if choice is FINISH:
        return 0
    gone = undone(state["history"])
    same = [
        (number, step)
        for number, step in enumerate(state["history"])
        if step["words"] == choice.words and step["state"] == key.exact
    ]
    return sum(1 if step["changed"] and number not in gone else REPEATS for number, step in same)


def done_before_restore(choice: Candidate, state: WebState) -> Done | None:
    """Return an action as it was done at this address before the page was opened anew, which shows none of it."""
    earlier, url = state["history"][: state["restored"]], state["page"]["url"]
    same = (step for step in earlier if step["words"] == choice.words and step["url"] == url)
    return next(same, None)


def done_step(state: WebState, choice: Candidate, changed: bool, result: str, *, sent: bool = False) -> Done:
    """Return the history's entry of an action that was done on the state's page."""
    snapshot = load_snapshot(state["page"])
    key = PageKey.of(snapshot, state["task"])
    # Also where nothing is real, what was sent is not taken back by opening the page again.
    final = choice.action is not None and irreversible(snapshot, choice.action) is not None
    return Done(
        url=snapshot.url,
        page=page_text(snapshot, state["task"]),
        state=key.exact,
        loose=key.loose,
        words=choice.words,
        changed=changed,
        result=result,
        sent=sent,
        final=final,
    )


def _overwrites(choice: Candidate, state: WebState, view: View) -> bool:
    """Say whether a choice would replace what the agent itself typed into a field, by another word of the task."""
    if choice.kind != "fill" or choice.action is None or choice.action.element is None:
        return False
    element = view.snapshot.get(choice.action.element)
    into = f" into {name_of(view.snapshot, element)}"
    typed = any(
        step["words"].startswith("type ") and step["words"].endswith(into) for step in state["history"]
    )
    given = choice.value is not None and (choice.value.said or choice.value.source == "correction")
    return bool(element.value) and typed and not given
