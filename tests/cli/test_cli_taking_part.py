"""Ctrl-C in the middle of a run that can be corrected: at a terminal, and where nobody is asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.person import TOY, Terminal, hear_interrupts


class Steered(Terminal):
    """A run that goes on until it is corrected, with a person in front of it."""

    task = "steer"

    def interrupt(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)


@pytest.fixture
def terminal(tmp_path) -> Steered:
    found = Steered(tmp_path)
    found.read_until("working")
    found.interrupt()
    found.read_until("> ")
    assert "held" in found.text
    return found


def test_what_is_typed_after_ctrl_c_is_a_correction(terminal):
    terminal.type("greet Bob\n")
    assert terminal.end() == 0
    assert "terminal corrected: greet Bob" in terminal.text
    assert "hello greet Bob" in terminal.text


def test_an_empty_line_goes_on(terminal):
    terminal.type("\n")
    terminal.read_until("going on")
    # It can be interrupted again afterwards.
    terminal.text = ""
    terminal.interrupt()
    terminal.read_until("> ")
    terminal.type("stop\n")
    assert terminal.end() == 5
    assert "stopped" in terminal.text
    assert "agentkit resume r" in terminal.text


def test_a_second_ctrl_c_leaves_at_once_with_a_run_that_can_be_resumed(terminal, tmp_path):
    terminal.interrupt()
    assert terminal.end() == 130
    assert "agentkit resume r" in terminal.text
    command = [sys.executable, str(TOY), "resume", "r", "--correction", "steer", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert '"answer": "hello steer"' in done.stdout


@pytest.mark.parametrize(("flags", "code"), [(["--no-input"], 3), ([], 130)])
def test_where_nobody_is_asked_it_pauses_or_leaves(tmp_path, flags, code):
    process = subprocess.Popen(
        [sys.executable, str(TOY), "web", "steer", "--url", "http://x.test", "--out", "r", *flags],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_interrupts,
    )
    assert process.stderr is not None
    while "working" not in process.stderr.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(60) == code
    assert "agentkit resume r" in said
    if code == 3:
        assert "The run is paused" in said


def test_a_finished_run_takes_no_correction(cli, toy):
    assert cli("web", "count", "--url", "http://x.test", "--out", "r", "--answers", _answers()).code == 0
    late = cli("resume", "r", "--correction", "too late")
    assert (late.code, "nothing to answer or to correct" in late.err) == (2, True)


def test_an_agent_that_takes_no_corrections_says_so(cli, toy):
    assert cli("web", "count", "--url", "http://x.test", "--out", "r", "--no-input").code == 3
    refused = cli("resume", "r", "--correction", "otherwise")
    assert (refused.code, "takes no corrections" in refused.err) == (2, True)


def _answers() -> str:
    Path("answers.yaml").write_text("- {match: who, answer: Ann}\n")
    return "answers.yaml"
