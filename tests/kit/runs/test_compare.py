"""What counts as a decision, and as a difference."""

from __future__ import annotations

import pytest

from agentkit.contracts import event as ev
from agentkit.contracts.result import Question, Result
from agentkit.errors import ReplayError
from agentkit.runs.compare import decisions, difference


def act(action: str, state, span: str = "1:act") -> ev.Acted:
    return ev.Acted(action=action, state=state, span=span)


def started(span: str = "1:act") -> ev.NodeStarted:
    return ev.NodeStarted(node="act", step=1, span=span)


def texts(*events: ev.EventBase) -> list[str]:
    return [f"{item.kind} {item.text}" for item in decisions(events)]


def test_an_action_counts_once_with_its_beginning_and_end():
    assert texts(started(), act("x", "pending"), act("x", "done")) == ["act x"]
    # A replay has ends alone.
    assert texts(started(), act("x", "done")) == ["act x"]


def test_a_node_that_ran_again_counts_with_its_last_execution():
    first = (started(), act("x", "pending"))
    again = (started(), act("y", "pending"), act("y", "done"))
    assert texts(*first, ev.RunResumed(attempt=2), *again) == ["act y"]
    done_before = (started(), act("x", "pending"), act("x", "done"), ev.RunResumed(attempt=2))
    assert texts(*done_before, started(), act("x", "replayed")) == ["act x"]


def test_an_action_that_the_user_settled_counts_once():
    events = (
        started(),
        act("pay", "pending"),
        ev.RunResumed(attempt=2),
        started(),
        act("pay", "unknown"),
        ev.Asked(question=Question(id="q", text="again?")),
        ev.Answered(id="q", answer="no"),
        act("pay", "done", "2:settle"),
    )
    assert texts(*events) == ["act pay", "ask again?", "answer no"]


def test_a_question_that_was_asked_again_counts_once():
    asked = ev.Asked(question=Question(id="q", text="who?"))
    assert texts(asked, ev.RunResumed(attempt=2), asked, ev.Answered(id="q", answer="I")) == [
        "ask who?",
        "answer I",
    ]


def test_looks_and_calls_are_decisions():
    look = ev.Looked(image="0", box=(0, 0, 5, 5), about="cup", node=0, span="1:look")
    call = ev.ToolCalled(tool="now", arguments={"zone": "UTC"}, span="2:act")
    assert texts(look, call) == ["look cup at [0.0, 0.0, 5.0, 5.0]", "call now {'zone': 'UTC'}"]


A, B = decisions([act("a", "done")]), decisions([act("b", "done")])
DONE, CUT = Result(status="done", answer="x"), Result(status="failed", error="interrupted")


@pytest.mark.parametrize(
    ("recorded", "before", "replayed", "now", "diverged", "said"),
    [
        (DONE, A, DONE, A, None, None),
        (DONE, A, DONE, B, None, "decision 1 was act 'a', the replay's is act 'b'"),
        (DONE, A, DONE, A + B, None, "a further decision: act 'b'"),
        (DONE, A + B, DONE, A, None, "lacks decision 2: act 'b'"),
        (
            DONE,
            A,
            Result(status="done", answer="y"),
            A,
            None,
            "ended done with 'x', the replay done with 'y'",
        ),
        (DONE, A, None, A, ReplayError("no such call"), "no such call"),
        (CUT, A, None, A, ReplayError("no such call"), None),
        (Result(status="failed", error="no model"), A, None, A, ReplayError("no such call"), None),
        (Result(status="failed", error="no model"), A, DONE, A, None, "ended failed, the replay done"),
        (CUT, A, None, B, ReplayError("no such call"), "decision 1"),
        (None, A + B, None, A, ReplayError("no such call"), None),
    ],
)
def test_differences(recorded, before, replayed, now, diverged, said):
    found = difference(recorded, before, replayed, now, diverged)
    assert (found is None) if said is None else (said in (found or ""))
