"""Compares a replay with its recording: the same looks, calls, actions, questions and answers, in one order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..contracts import event as ev
from ..contracts.result import Result
from ..errors import ReplayError
from .folder import EVENTS, RunFolder

# Runs that ended so have no last word: a replay of them goes on until the recording ends.
CUT_SHORT = ("interrupted", "stopped")
# What is decided inside of nodes, and again when a node runs again.
IN_NODES = ("act", "look", "call", "correction")


@dataclass(frozen=True)
class Decision:
    """Something that an agent decided (a region to look at, a tool call, an action, a question), or was answered."""

    kind: str
    text: str
    span: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.text!r}"


def recorded_events(folder: RunFolder) -> list[ev.EventBase]:
    """Return the events of a run folder."""
    return [ev.EVENT.validate_python(line) for line in folder.lines(EVENTS)]


def decisions(events: Iterable[ev.EventBase]) -> list[Decision]:
    """Return what was decided, once each, in order.

    A node that ran again after a crash counts with its last execution. An action that the user said had
    happened (done, without a beginning in its node) was decided earlier and is not counted again.
    """
    found: dict[Decision, None] = {}
    begun: set[Decision] = set()
    for event in events:
        if isinstance(event, ev.NodeStarted):
            found = {item: None for item in found if item.span != event.span or item.kind not in IN_NODES}
        elif isinstance(event, ev.Acted):
            item = Decision("act", event.action, event.span)
            if event.state == "pending":
                begun.add(item)
            # Only a recording has beginnings.
            settled = event.state == "done" and bool(begun) and item not in begun
            if not settled:
                found.setdefault(item)
        elif isinstance(event, ev.Looked):
            found.setdefault(Decision("look", f"{event.about} at {list(event.box)}", event.span))
        elif isinstance(event, ev.ToolCalled):
            found.setdefault(Decision("call", f"{event.tool} {event.arguments}", event.span))
        elif isinstance(event, ev.Asked):
            found.setdefault(Decision("ask", event.question.text, event.question.id))
        elif isinstance(event, ev.Corrected):
            found.setdefault(Decision("correction", event.text, event.span))
        elif isinstance(event, ev.Answered):
            found.setdefault(Decision("answer", event.answer, event.id))
    return list(found)


def difference(
    recorded: Result | None,
    before: list[Decision],
    replayed: Result | None,
    now: list[Decision],
    diverged: ReplayError | None,
) -> str | None:
    """Return the first difference in words, None when there is none.

    ``diverged`` is how the replay ended when the recording had no more to give, which is right for a run that was
    cut short, or ended by a call that failed: only replies are recorded.
    """
    for number, (then, again) in enumerate(zip(before, now, strict=False), start=1):
        if then != again:
            return f"decision {number} was {then}, the replay's is {again}"
    if len(now) > len(before):
        return f"the replay has a further decision: {now[len(before)]}"
    if diverged is not None:
        return None if recorded is None or recorded.status in ("budget", "failed") else diverged.message
    if len(now) < len(before):
        return f"the replay lacks decision {len(now) + 1}: {before[len(now)]}"
    if recorded is None or replayed is None or recorded.status == "budget" or recorded.error in CUT_SHORT:
        return None
    if (recorded.status, recorded.answer) != (replayed.status, replayed.answer):
        return f"the run ended {_end(recorded)}, the replay {_end(replayed)}"
    return None


def _end(result: Result) -> str:
    return result.status + (f" with {result.answer!r}" if result.answer is not None else "")
