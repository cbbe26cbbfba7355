"""What a turn shows of its run."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.agents.chat.server.views import turn_view
from agentkit.content import Message, dump
from agentkit.contracts.result import Result
from agentkit.contracts.run import RunInfo
from agentkit.memory.conversations import Turn
from agentkit.runs.folder import RunFolder


@pytest.mark.parametrize("status", ["done", "failed", "needs_input", "budget"])
@pytest.mark.parametrize(
    ("route", "own"),
    [
        ("answer", True),
        ("look", True),
        ("browse", False),
        ("research", False),
        ("tool", False),
        ("weather", False),
    ],
)
def test_words_of_pages_documents_and_tools_are_marked_before_the_turn_is_kept(
    tmp_path: Path, status, route: str, own: bool
):
    folder = RunFolder.create(RunInfo(id="one", agent="chat", task="Hi.", created=0.0), tmp_path / "run")
    folder.info.result = Result(status=status, answer="Words.", output={"route": route})
    folder.save()
    turn = Turn(str(folder.path), 0.0, dump([Message.user("Hi.")]), "0123456789abcdef", done=False)
    shown = turn_view(turn, "talk", running=False)
    assert (shown.answer, shown.trusted) == ("Words.", own)
