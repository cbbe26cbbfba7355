"""The action journal: what is done twice, what is not, and what is not known."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agentkit.contracts.run import RunInfo
from agentkit.errors import OutcomeUnknown
from agentkit.runtime.journal import Effect, UnknownAction
from agentkit.runtime.run import Run

SEND = Effect("send", {"to": "Ada"}, "send to Ada", irreversible=True)


def start(path: Path) -> Run:
    return Run.start(RunInfo(id="j1", agent="test", task="send", created=time.time()), path)


async def unanswered() -> None:
    raise OutcomeUnknown("no answer came")


async def never() -> None:
    raise AssertionError("it must not be done")


async def test_an_action_without_an_answer_is_unknown_and_is_not_done_again(tmp_path):
    seen = []
    run = start(tmp_path / "r")
    run.listeners.append(seen.append)
    with pytest.raises(OutcomeUnknown):
        await run.journal.act(SEND, unanswered)
    assert [(event.state, event.detail) for event in seen] == [
        ("pending", None),
        ("unknown", "no answer came"),
    ]
    # A crash before the graph could go on: the same place is reached again.
    for _ in range(2):
        with pytest.raises(UnknownAction):
            await Run.resume(tmp_path / "r").journal.act(SEND, never)


async def test_a_replay_tells_what_got_no_answer_from_what_a_crash_cut_off(tmp_path):
    run = start(tmp_path / "r")
    with pytest.raises(OutcomeUnknown):
        await run.journal.act(SEND, unanswered)
    with pytest.raises(OutcomeUnknown, match="no answer came"):
        await Run.replay(tmp_path / "r").journal.act(SEND, never)
    with pytest.raises(UnknownAction):
        await Run.resume(tmp_path / "r").journal.act(SEND, never)
    with pytest.raises(UnknownAction):
        await Run.replay(tmp_path / "r").journal.act(SEND, never)
