"""Answering in the terminal, and what is printed there."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.cli.flags import Flags
from agentkit.cli.progress import line_of
from agentkit.cli.terminal import chosen, plain
from agentkit.contracts import event as ev
from agentkit.contracts.result import Evidence, Question
from tests.cli.person import Terminal


def test_a_question_is_answered_by_the_number_of_a_choice(tmp_path):
    terminal = Terminal(tmp_path)
    terminal.read_until("2. Bob")
    assert "to greet you" in terminal.text
    terminal.type("2\n")
    assert terminal.end() == 0
    assert "hello Bob" in terminal.text
    # Colour is for terminals.
    assert "\x1b[" in terminal.text


def test_an_empty_line_leaves_the_question_open(tmp_path):
    terminal = Terminal(tmp_path)
    terminal.read_until("> ")
    terminal.type("\n")
    assert terminal.end() == 3
    assert "agentkit resume r" in terminal.text


def test_ctrl_c_at_a_question_leaves_a_run_that_can_be_resumed(tmp_path):
    terminal = Terminal(tmp_path)
    terminal.read_until("> ")
    os.killpg(terminal.process.pid, 2)
    assert terminal.end() == 130
    assert "agentkit resume r" in terminal.text


def test_no_input_never_asks(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert [who.name for who in Flags().answerers()] == ["terminal"]
    assert Flags(no_input=True).answerers() == []


QUESTION = Question(id="q", text="?", choices=["red", "blue"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1\n", "red"),
        (" 2 \n", "blue"),
        ("3\n", "3"),
        ("green\n", "green"),
        ("\n", None),
        ("", None),
        ("0", "0"),
    ],
)
def test_what_a_typed_line_means(typed, meant):
    assert chosen(QUESTION, typed) == meant


@given(st.text())
def test_printed_text_has_no_control_characters(text):
    assert not any(ord(c) < 32 and c not in "\n\t" for c in plain(text))
    assert "\x1b" not in plain(text, 40)
    assert len(plain(text, 40)) <= max(40, len(text) - len(text.lstrip(" ")) + 1)


def test_lines_of_events():
    box = (10.0, 20.0, 30.0, 40.0)
    look = ev.Looked(image="0", box=box, about="cup", node=0, scores={"exists": 0.834})
    assert line_of(look) == ("  looked at (10, 20, 30, 40) for cup: exists 0.83", "dim")
    act = ev.Acted(action="click button 'Submit'", state="done")
    assert line_of(act) == ("  → click button 'Submit'", "")
    assert line_of(act.model_copy(update={"state": "pending"})) is None
    found = ev.Found(evidence=Evidence(kind="region", box=box, label="cup", score=0.9))
    assert line_of(found) == ("  ✓ cup at (10, 20, 30, 40) (0.90)", "green")
    asked = ev.Asked(question=QUESTION)
    assert line_of(asked) == ("  ? asked: ?", "yellow")
    assert line_of(ev.NodeStarted(node="x", step=1)) is None
