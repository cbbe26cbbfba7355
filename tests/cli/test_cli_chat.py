"""Talking in the terminal: turns, questions, pictures by path, slash commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as Pillow

from agentkit.cli import kinds
from agentkit.cli.talk import with_pictures


@pytest.fixture(autouse=True)
def toy_chat(monkeypatch):
    monkeypatch.setitem(kinds.KINDS, "chat", "cli_toy:ToyChat")


@pytest.fixture
def talk(cli):
    def say(*lines: str):
        return cli("chat", typed="".join(line + "\n" for line in lines))

    return say


def test_a_turn_asks_and_the_next_line_answers(talk):
    done = talk("good morning", "1")
    assert done.code == 0
    assert done.out.splitlines()[0] == "hello Ann"
    assert "1. Ann" in done.err
    assert "0 turns so far" in done.err


def test_an_empty_line_leaves_the_question_open(talk):
    done = talk("good morning", "", "good evening", "Zoe")
    assert done.code == 0
    assert "left open" in done.err
    assert "hello Zoe" in done.out


def test_conversations_are_remembered_listed_searched_renamed_deleted(talk):
    talk("good morning", "Ann")
    done = talk("/list", "/search MORNING", "/rename work", "more", "Bob", "/list", "/delete work", "/list")
    assert "main  (1 turn)" in done.out
    assert "main #1: good morning" in done.out
    assert "work  (2 turns)" in done.out
    assert done.out.count("work") == 1
    assert "there is no conversation" in talk("/delete work").err


def test_other_names_other_conversations(talk):
    talk("a", "Ann", "/name second", "b", "Bob")
    listed = talk("/list").out
    assert "main  (1 turn)" in listed
    assert "second  (1 turn)" in listed


def test_pictures_are_shown_by_their_paths(talk, tmp_path):
    for name in ("a.png", "with space.jpg"):
        Pillow.new("RGB", (9, 9)).save(tmp_path / name)
    talk(
        'look at a.png and "with space.jpg" please',
        "Ann",
        "/image a.png",
        "and this?",
        "Bob",
        "/image none.png",
    )
    found = talk("/search pictures").out
    assert "look at and please with 2 pictures" in found
    assert "and this? with 1 pictures" in found
    assert "no picture at none.png" in talk("/image none.png").err


def test_unknown_commands_show_the_help_and_quit_ends(talk):
    assert "/search TEXT" in talk("/nonsense").out
    assert talk("/quit", "never said").code == 0


def test_one_turn_as_a_command(cli):
    paused = cli("chat", "hi there", "--json", "--name", "x")
    assert paused.code == 3
    assert paused.json["question"]["text"] == "Who are you?"
    Path("a.yaml").write_text("- {match: who, answer: Eve}\n")
    done = cli("chat", "hi there", "--answers", "a.yaml")
    assert (done.code, done.out.strip()) == (0, "hello Eve")
    listed = cli("chat", "--list", "--json").json["conversations"]
    assert [(item["name"], item["turns"]) for item in listed] == [("main", 1)]
    assert cli("chat", "--json").code == 2


def test_words_that_are_no_files_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Pillow.new("RGB", (9, 9)).save("b.png")
    assert with_pictures("what is a.png?") == ("what is a.png?", [])
    assert with_pictures("b.png") == ("What is in this picture?", ["b.png"])
    assert with_pictures("it's b.png") == ("it's", ["b.png"])
    assert with_pictures("don't  touch  this") == ("don't  touch  this", [])
