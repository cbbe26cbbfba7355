"""Conversations that are remembered."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from agentkit.agents.chat import ChatAgent
from agentkit.agents.general import Agent
from agentkit.config import Settings
from agentkit.content import Box, Image, Message, load
from agentkit.errors import UsageError
from agentkit.memory.conversations import Conversations
from tests.agents.chat.test_chat import scores, script


def picture(colour: str) -> Image:
    return Image.of_pixels(Pillow.new("RGB", (20, 10), colour))


def said(text: str, *images: Image) -> list[Message]:
    return [Message.user(text, *images, label="query"), Message.assistant(f"you said {text}")]


@pytest.fixture
def kept(tmp_path) -> Conversations:
    return Conversations(tmp_path / "memory")


def test_turns_come_back_in_order_with_their_pictures(kept):
    red = picture("red")
    kept.add("trip", "runs/1", said("look", red.crop(Box(0, 0, 5, 5))))
    kept.add("trip", "runs/2", said("and then?"))
    turns = Conversations(kept.folder).turns("trip")
    assert [turn.run for turn in turns] == ["runs/1", "runs/2"]
    images = {red.sha256: kept.picture(red.sha256)}
    assert load(turns[0].messages, images) == said("look", red.crop(Box(0, 0, 5, 5)))
    assert [turn.run for turn in kept.turns("trip", last=1)] == ["runs/2"]
    assert kept.turns("never") == []


def test_the_same_run_again_replaces_its_turn(kept):
    kept.add("trip", "runs/1", said("a"))
    kept.add("trip", "runs/2", said("b"))
    kept.add("trip", "runs/1", said("c"))
    assert [turn.messages[0]["parts"][0]["text"] for turn in kept.turns("trip")] == ["c", "b"]


def test_list_search_rename(kept):
    kept.add("trip", "runs/1", said("100% wool"), at=1.0)
    kept.add("work", "runs/2", said("100 x wool"), at=2.0)
    kept.add("trip", "runs/3", said("A Hat"), at=3.0)
    assert [(c.name, c.turns, c.created, c.updated) for c in kept.list()] == [
        ("trip", 2, 1.0, 3.0),
        ("work", 1, 2.0, 2.0),
    ]
    assert [(hit.name, hit.number) for hit in kept.search("a hat")] == [("trip", 2)]
    assert [hit.name for hit in kept.search("100%")] == ["trip"]
    assert "wool" in kept.search("wool")[0].text
    kept.rename("trip", "journey")
    assert kept.turns("trip") == []
    assert len(kept.turns("journey")) == 2
    with pytest.raises(UsageError, match="already"):
        kept.rename("journey", "work")
    with pytest.raises(UsageError, match="no conversation"):
        kept.rename("trip", "other")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 500])
def test_names(kept, name):
    with pytest.raises(UsageError, match="name"):
        kept.add(name, "runs/1", said("a"))


def test_delete_is_for_real(kept):
    red, blue = picture("red"), picture("blue")
    kept.add("one", "runs/1", said("my secret is xyzzy-plugh", red, blue))
    kept.add("two", "runs/2", said("plain", blue))
    kept.delete("one")
    assert [c.name for c in kept.list()] == ["two"]
    assert kept.search("xyzzy") == []
    content = b"".join(path.read_bytes() for path in kept.folder.rglob("*") if path.is_file())
    assert b"xyzzy" not in content
    with pytest.raises(UsageError):
        kept.picture(red.sha256)
    assert kept.picture(blue.sha256) == blue
    with pytest.raises(UsageError, match="no conversation"):
        kept.delete("one")


def test_only_the_owner_can_read(kept):
    kept.add("one", "runs/1", said("a"))
    assert kept.folder.stat().st_mode & 0o077 == 0
    assert (kept.folder / "conversations.sqlite").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("digest", ["../conversations.sqlite", "", "a/b", "0" * 64])
def test_a_picture_that_is_not_there(kept, digest):
    with pytest.raises(UsageError):
        kept.picture(digest)


def test_another_version_and_a_damaged_file(kept):
    kept.add("one", "runs/1", said("a"))
    path = kept.folder / "conversations.sqlite"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(UsageError, match="version 9"):
        Conversations(kept.folder).list()
    path.write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(UsageError, match="opened"):
        Conversations(kept.folder).list()


def write(folder, process: int) -> None:
    kept = Conversations(folder)
    for number in range(15):
        kept.add("shared", f"runs/{process}-{number}", said(f"{process}-{number}", picture("red")))


def test_two_processes_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write, args=(tmp_path / "memory", n)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    runs = [turn.run for turn in Conversations(tmp_path / "memory").turns("shared")]
    assert len(runs) == len(set(runs)) == 30
    for process in range(2):
        mine = [run for run in runs if run.startswith(f"runs/{process}-")]
        assert mine == [f"runs/{process}-{number}" for number in range(15)]


@settings(max_examples=10)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4))
def test_any_text_survives(tmp_path_factory, texts):
    kept = Conversations(tmp_path_factory.mktemp("memory"))
    for number, text in enumerate(texts):
        kept.add("one", f"runs/{number}", said(text))
    assert [turn.messages[0]["parts"][0]["text"] for turn in kept.turns("one")] == texts
    for text in texts:
        assert any(hit.run for hit in kept.search(text[:5]))


def test_a_turn_under_way_is_kept_apart_until_it_ends(kept):
    made = kept.create("trip")
    assert kept.find(made.key) == made
    key, new = kept.begin("trip", "runs/1", [Message.user("a", label="query")], key="k1")
    assert (key, new) == ("k1", True)
    assert kept.begin("trip", "runs/9", [Message.user("b", label="query")], key="k1") == ("k1", False)
    assert kept.turns("trip") == []
    assert [turn.done for turn in kept.turns("trip", unfinished=True)] == [False]
    kept.rename("trip", "journey")
    # The run knows the old name only.
    kept.add("trip", "runs/1", said("a"))
    assert [item.name for item in kept.list()] == ["journey"]
    name, turn = kept.turn("k1")
    assert (name, turn.done, len(turn.messages)) == ("journey", True, 2)
    kept.reopen("k1")
    assert kept.turns("journey") == []
    with pytest.raises(UsageError, match="already"):
        kept.create("journey")
    with pytest.raises(UsageError, match="no turn"):
        kept.turn("k2")


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path):
    folder = tmp_path / "memory"
    folder.mkdir()
    db = sqlite3.connect(folder / "conversations.sqlite")
    db.executescript("""
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created REAL NOT NULL, updated REAL NOT NULL
    );
    CREATE TABLE turns (
        id INTEGER PRIMARY KEY,
        conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
        run TEXT NOT NULL, time REAL NOT NULL, messages TEXT NOT NULL, text TEXT NOT NULL,
        UNIQUE (conversation, run)
    );
    CREATE TABLE pictures (
        digest TEXT NOT NULL, turn INTEGER NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
        PRIMARY KEY (digest, turn)
    );
    INSERT INTO conversations VALUES (1, 'old', 1.0, 2.0);
    INSERT INTO conversations VALUES (2, 'older', 1.0, 1.0);
    INSERT INTO turns VALUES (1, 1, 'runs/1', 2.0, '[]', '');
    INSERT INTO turns VALUES (2, 1, 'runs/2', 2.0, '[]', '');
    PRAGMA user_version = 1;
    """)
    db.close()
    kept = Conversations(folder)
    old, older = kept.list()
    assert (old.name, old.turns, older.turns) == ("old", 2, 0)
    assert old.key != older.key
    first, second = kept.turns("old")
    assert first.done
    assert kept.turn(second.key) == ("old", second)
    kept.add("old", "runs/3", said("new"))
    assert len(Conversations(folder).turns("old")) == 3


async def test_a_turn_can_begin_while_another_runs_and_later_turns_know_both(tmp_path):
    given = Settings.load(runs=tmp_path / "runs")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def order(what: str) -> str:
        """Order something, which takes long."""
        begun.set()
        await go_on.wait()
        return "ordered"

    call = {"tool_calls": [{"name": "order", "arguments": {"what": "milk"}}]}
    slow = Agent(script(call, {"text": "It is ordered."}), tools=[order], settings=given)

    def chat(*lines: dict, **more: Any) -> ChatAgent:
        return ChatAgent(decide=script(*lines), memory=tmp_path / "memory", settings=given, **more)

    url = "http://127.0.0.1/"
    ability = replace(chat().abilities["browse"], agent=slow, takes=())
    long = asyncio.create_task(
        chat(abilities={"browse": ability}).arun("Order milk.", conversation="one", url=url)
    )
    await begun.wait()
    short = await chat(*scores("answer"), {"text": "Hello."}).arun("Hi.", conversation="one")
    assert short.answer == "Hello."
    go_on.set()
    assert (await long).answer == "It is ordered."
    later = await chat(*scores("answer"), {"text": "Yes."}).arun("Is it ordered?", conversation="one")
    lines = (Path(later.run or "") / "events.jsonl").read_text("utf-8").splitlines()
    prompt = [event for event in map(json.loads, lines) if event["kind"] == "model_called"][-1]["prompt"]
    assert [message["parts"][0]["text"] for message in prompt[1:]] == [
        "Hi.",
        "Hello.",
        "Order milk.",
        "It is ordered.",
        "Is it ordered?",
    ]
