"""What is offered to the model: the candidates that the user, the policy and earlier tries leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.runs.recording import digest

from ...tools.browser import irreversible
from .candidates import FINISH, Candidate, candidates_of
from .missing import Gap
from .order import sends_last
from .page import load_snapshot, name_of, page_text
from .prompt import View
from .state import Done, WebState

# The same action on the same page: a second time may be meant, a third is a loop.
REPEATS = 2


@dataclass(frozen=True)
class Offer:
    """What may be offered: ``finish`` when something was done; with ``deny`` nothing that can't be undone."""

    finish: bool = True
    deny: bool = False
    sandbox: bool = False


def offered(state: WebState, view: View, missing: Sequence[Gap], *, policy: Offer) -> list[Candidate]:
    """Return the candidates without those that are ruled out, in the page's order."""
    snapshot = view.snapshot
    asked = {gap.element for gap in missing}
    fields = [element for element in snapshot.elements if element.id in asked]
    finish = policy.finish and bool(state["history"])
    found = candidates_of(snapshot, view.instruction, view.values, finish=finish, missing=fields)
    barred = {*state["refused"], *state["spent"]}
    kept = [c for c in found if c.words not in barred]
    kept = [c for c in kept if repeated(c, state, view) < REPEATS and not _overwrites(c, state, view)]
    if policy.deny:
        kept = [
            c
            for c in kept
            if c.action is None or not irreversible(snapshot, c.action, sandbox=policy.sandbox)
        ]
    return sends_last(kept, snapshot, view.instruction)


def repeated(choice: Candidate, state: WebState, view: View) -> int:
    """Return how often an action was done on a page that looked just like this; without effect it counts double."""
    if choice is FINISH:
        return 0
    key = _page_key(view.snapshot.url, page_text(view.snapshot, state["task"]))
    same = [step for step in state["history"] if step["words"] == choice.words and step["state"] == key]
    return sum(1 if step["changed"] else REPEATS for step in same)


def done_before_restore(choice: Candidate, state: WebState) -> Done | None:
    """Return an action as it was done at this address before the page was opened anew, which shows none of it."""
    earlier, url = state["history"][: state["restored"]], state["page"]["url"]
    same = (step for step in earlier if step["words"] == choice.words and step["url"] == url)
    return next(same, None)


def done_step(state: WebState, choice: Candidate, changed: bool, result: str, *, sent: bool = False) -> Done:
    """Return the history's entry of an action that was done on the state's page."""
    url, page = state["page"]["url"], page_text(load_snapshot(state["page"]), state["task"])
    key = _page_key(url, page)
    return Done(url=url, page=page, state=key, words=choice.words, changed=changed, result=result, sent=sent)


def _overwrites(choice: Candidate, state: WebState, view: View) -> bool:
    """Say whether a choice would replace what the agent itself typed into a field, by another word of the task."""
    if choice.kind != "fill" or choice.action is None or choice.action.element is None:
        return False
    element = view.snapshot.get(choice.action.element)
    into = f" into {name_of(view.snapshot, element)}"
    typed = any(
        step["words"].startswith("type ") and step["words"].endswith(into) for step in state["history"]
    )
    return bool(element.value) and typed and not (choice.value and choice.value.source == "user")


def _page_key(url: str, text: str) -> str:
    return digest(url, text)
