"""Long conversations: what no longer fits is condensed once, and found again when it matters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from agentkit.agents.chat import ChatAgent
from agentkit.agents.chat.digest import TOKENS, Digest, Line, condense, content_words, shrunk
from agentkit.agents.chat.gather import Past, tokens_of
from agentkit.agents.chat.prompt import room_of
from agentkit.agents.chat.recollect import nearest, shares
from agentkit.config import Settings
from agentkit.content import Image, Message, Text, dump
from agentkit.contracts.result import Usage
from agentkit.errors import ModelError
from agentkit.memory.condensed import Beside
from agentkit.memory.conversations import Conversations
from agentkit.models import Capabilities, Model, Reply, Request, Scores, VisionCard
from tests.agents.chat.test_chat import events, scores, script
from tests.results import output_of, run_of

STANDING = "From now on, always end with the word amen."
FACT = "My locker at the station has the number 4417."
ROOM = 600
RED = Image.of_pixels(Pillow.new("RGB", (20, 10), "red"))


def said(
    text: str, reply: str = "I see.", trust: Any = "trusted", images: tuple[Image, ...] = ()
) -> list[Message]:
    return [Message.user(text, *images, label="query"), Message.assistant(Text(reply, "reply", trust))]


class Small(Model):
    """Ranks (everything is to be answered), says little, and has a small context."""

    reference, card = "test:small", VisionCard()
    capabilities = Capabilities(scoring=True, context=int(ROOM / 0.75))

    async def _generate(self, request: Request) -> Reply:
        return Reply("Noted.", usage=Usage(calls=1))

    async def _score(self, requests, options: tuple[str, ...]) -> list[Scores]:
        first = [Scores(options, (0.0, *[-9.0] * (len(options) - 1)), (1,) * len(options), Usage())]
        return [
            *first,
            *(Scores(options, (0.0,) * len(options), (1,) * len(options), Usage()) for _ in requests[1:]),
        ]


class Writer(Small):
    """Writes notes as well, one a turn that it is shown; counts how many turns it was shown."""

    reference = "test:writer"
    capabilities = Capabilities(schema=True, context=int(ROOM / 0.75))

    def __init__(self, *, fails: bool = False) -> None:
        self.shown: list[int] = []
        self.fails = fails

    async def _generate(self, request: Request) -> Reply:
        if request.schema is None:
            return await super()._generate(request)
        if "route" in request.schema["properties"]:
            return Reply("", data={"route": "answer"}, usage=Usage(calls=1))
        if self.fails:
            raise ModelError("it is broken")
        numbers = [
            int(line.split()[1]) for line in request.messages[-1].text.split("\n") if line.startswith("Turn ")
        ]
        self.shown += numbers
        notes = [{"turn": n, "kind": "fact", "text": f"written of {n}"} for n in [*numbers, 999]]
        return Reply("", data={"notes": notes}, usage=Usage(calls=1))


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings.load(runs=tmp_path / "runs")


def prompt_in(result) -> list[dict]:
    return events(result, "model_called")[-1]["prompt"]


def words(prompt: list[dict]) -> str:
    return "\n".join(part["text"] for message in prompt for part in message["parts"])


def filled(folder: Path, turns: int) -> Conversations:
    """Return a conversation of so many turns; the first ones bring an instruction, a fact and a picture."""
    kept = Conversations(folder)
    first = [said(STANDING), said(FACT, "Good to know."), said("What is on it?", "A red car.", images=(RED,))]
    rest = [
        said(f"Tell me about topic {n}, please. {'It matters. ' * 6}", f"Topic {n} is wide.")
        for n in range(turns)
    ]
    for number, messages in enumerate([*first, *rest][:turns]):
        kept.add("long", f"run{number}", messages)
    return kept


async def test_a_conversation_of_200_turns_keeps_its_prompt_small_and_loses_nothing(settings, tmp_path):
    kept = filled(tmp_path / "memory", 200)
    agent = ChatAgent(decide=Small(), memory=kept, settings=settings)
    result = await agent.arun("And what now?", conversation="long")
    prompt = prompt_in(result)
    assert tokens_of(prompt) <= ROOM
    # What the user asked for at the very beginning still stands before the past.
    assert STANDING in words(prompt[:1])
    (condensed,) = events(result, "condensed")
    assert condensed["by"] == "rules"
    assert condensed["upto"] == condensed["turns"] < 200
    assert condensed["left"] < condensed["tokens"]
    # The fact is answerable, though the digest in this prompt may not have room for it.
    asked = await agent.arun("Which number has my locker?", conversation="long")
    prompt = prompt_in(asked)
    assert tokens_of(prompt) <= ROOM
    assert "4417" in words(prompt[-1:])
    # Condensed once: the next turn brings nothing that has to be.
    assert events(asked, "condensed") == []
    replayed = await ChatAgent(memory=tmp_path / "elsewhere", settings=settings).areplay(run_of(asked))
    assert replayed.answer == asked.answer


async def test_the_picture_of_an_early_turn_is_still_looked_at(settings, tmp_path):
    kept = filled(tmp_path / "memory", 120)
    see, decide = script({"text": "Red."}, name="see"), script(*scores("look", "look"))
    agent = ChatAgent(see=see, decide=decide, memory=kept, strategy="direct", settings=settings)
    result = await agent.arun("Which colour has the car in the picture?", conversation="long")
    assert (output_of(result)["route"], result.answer) == ("look", "Red.")
    assert result.evidence[0].image == RED.sha256


async def test_over_many_turns_each_is_condensed_once_and_prompts_stay_small(settings, tmp_path):
    model = Writer()
    agent = ChatAgent(decide=model, memory=tmp_path / "memory", settings=settings)
    sizes, condensed = [], 0
    for number in range(24):
        text = STANDING if number == 0 else f"I keep fact {number} in mind. {'It is long. ' * 8}"
        result = await agent.arun(text, conversation="long")
        sizes.append(tokens_of(prompt_in(result)))
        condensed += sum(event["turns"] for event in events(result, "condensed"))
        assert STANDING in words(prompt_in(result)[:1])
    assert max(sizes) <= ROOM
    # The writer saw each of the condensed turns once, in order, and what it says of turns that are not there is dropped.
    assert model.shown == list(range(1, condensed + 1))
    whole = Beside(agent.conversations).read("long")
    assert whole.upto == condensed
    digest = Digest.load(whole.digest, whole.upto)
    assert digest.by == "test:writer"
    assert [line.text for line in digest.lines] == [f"written of {n}" for n in range(1, condensed + 1)]


async def test_a_writer_that_fails_leaves_the_work_to_the_rules(settings, tmp_path):
    kept = filled(tmp_path / "memory", 30)
    agent = ChatAgent(decide=Writer(fails=True), memory=kept, settings=settings)
    result = await agent.arun("And now?", conversation="long")
    assert result.answer == "Noted."
    assert [event["by"] for event in events(result, "condensed")] == ["rules"]
    assert any("it is broken" in event["text"] for event in events(result, "note"))


async def test_what_a_page_said_stays_untrusted_and_away_from_a_writer(settings, tmp_path):
    kept = Conversations(tmp_path / "memory")
    for number in range(20):
        trust = "untrusted" if number % 2 else "trusted"
        kept.add(
            "web", f"run{number}", said(f"What is offer {number}? {'x' * 200}", f"Evil {number}.", trust)
        )
    model = Writer()
    result = await ChatAgent(decide=model, memory=kept, settings=settings).arun("Evil?", conversation="web")
    assert model.shown
    assert all(number % 2 for number in model.shown)
    parts = [part for message in prompt_in(result) for part in message["parts"]]
    assert any(part["label"] == "observation" and part["trust"] == "untrusted" for part in parts)
    for part in parts:
        if part["trust"] == "trusted":
            assert not any(f"Evil {number}." in part["text"] for number in range(1, 20, 2))


async def test_without_a_name_the_past_is_condensed_too(settings, tmp_path):
    past = [message for n in range(60) for message in said(f"I own {n} sheep. {'Really. ' * 20}")]
    past[0] = Message.user(Text(FACT, "query"))
    agent = ChatAgent(decide=Small(), memory=tmp_path / "memory", settings=settings)
    result = await agent.arun("Which number has my locker?", past=past)
    assert tokens_of(prompt_in(result)) <= ROOM
    assert "4417" in words(prompt_in(result)[-1:])
    assert not (tmp_path / "memory").exists() or Conversations(tmp_path / "memory").list() == []


def test_a_turn_that_is_written_anew_takes_the_digest_with_it(tmp_path):
    kept = filled(tmp_path, 6)
    beside, keys = Beside(kept), [turn.key for turn in kept.turns("long")]
    data = Digest(4, (Line(2, "fact", FACT),)).dump()
    beside.keep_digest("long", keys[3], data)
    beside.keep_digest("long", keys[1], Digest(2).dump())
    assert (beside.read("long").upto, beside.read("long").digest) == (4, data)
    kept.add("long", "run5", said("anew"))
    assert beside.read("long").upto == 4
    kept.add("long", "run1", said("anew"))
    assert (beside.read("long").upto, beside.read("long").digest) == (0, None)
    # A turn that is gone on with is not told of until it ends.
    beside.keep_digest("long", keys[3], data)
    kept.reopen(keys[0])
    assert beside.read("long").digest is None


def test_a_digest_is_deleted_with_its_conversation(tmp_path):
    kept = filled(tmp_path, 3)
    keys = [turn.key for turn in kept.turns("long")]
    Beside(kept).keep_digest("long", keys[2], Digest(3, (Line(1, "fact", "xyzzy-plugh"),)).dump())
    Beside(kept).keep_vectors("test:letters", {keys[0]: np.ones(4, np.float32)})
    kept.copy(keys[:2], "branch")
    (copied,) = Beside(kept).vectors("branch", "test:letters").values()
    assert copied.tolist() == [1.0] * 4
    kept.delete("long")
    assert Beside(kept).vectors("long", "test:letters") == {}
    assert b"xyzzy" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("asked", "reply", "wanted"),
    [
        (FACT, "Good.", [("fact", FACT)]),
        (
            "Let's take the train. Which one is fast?",
            "The night train.",
            [
                ("decision", "Let's take the train."),
                ("asked", "asked “Which one is fast?”: The night train."),
            ],
        ),
        ("Who built the old mill?", "I do not know.", [("open", "Who built the old mill?")]),
        ("Who built it?", "(This failed: no model)", [("open", "Who built it?")]),
        ("Book a table.", "For when?", [("open", "you asked back “For when?”")]),
        ("Thanks!", "You are welcome.", []),
        (STANDING, "Amen.", []),
        ("> I am quoted.\n```\nmy = code\n```", "Hm.", []),
    ],
)
def test_what_a_turn_comes_to(asked, reply, wanted):
    lines = condense(dump(said(asked, reply)), 7)
    assert [(line.kind, line.text) for line in lines] == wanted
    assert all(line.turn == 7 for line in lines)


def test_what_is_told_otherwise_or_answered_later_takes_the_place():
    digest = Digest()
    for number, (asked, reply) in enumerate(
        [
            ("I live in Oslo.", "Ah."),
            ("Who built the old mill?", "I don't know."),
            ("I live in Graz now.", "Ah."),
            ("Again: who built the old mill?", "Ann Lee did."),
        ],
        start=1,
    ):
        digest = digest.extended(number, condense(dump(said(asked, reply)), number))
    assert [line.turn for line in digest.lines] == [3, 4]
    assert Digest.load(json.loads(json.dumps(digest.dump())), 4) == digest


LINES = st.lists(
    st.builds(Line, st.integers(1, 99), st.sampled_from(["fact", "open", "asked"]), st.text(max_size=200)),
    max_size=30,
)


@given(LINES, st.integers(0, 400))
def test_lines_within_a_room_keep_their_order_and_the_worthiest(lines, room):
    kept = shrunk(lines, room)
    assert sum(line.tokens for line in kept) <= room
    rest = iter(lines)
    assert all(line in rest for line in kept)
    assert shrunk(lines, 10**6) == tuple(lines)


@given(st.lists(LINES, max_size=12))
def test_the_record_itself_is_bounded(turns):
    digest = Digest()
    for number, lines in enumerate(turns, start=1):
        digest = digest.extended(number, lines)
    assert digest.upto == len(turns)
    assert sum(line.tokens for line in digest.lines) <= TOKENS


@given(st.lists(st.integers(1, 900), max_size=40), st.integers(0, 3000))
def test_after_condensing_the_window_fits_or_is_the_last_turn(sizes, room):
    turns = [dump([Message.user(Text("w" * 3 * size, "query"))]) for size in sizes]
    known = Past(turns, 0, Digest(), {})
    count = known.overflow(room)
    left = [tokens_of(turn) for turn in turns[count:]]
    assert sum(left) <= room or len(left) == 1
    again = Past(turns, 0, Digest(upto=count), {})
    assert count == 0 or again.overflow(room) == 0


TOPICS = [
    "My dog is called Rex.",
    "We paint the kitchen blue.",
    "The train leaves at 9:40.",
    "I am allergic to nuts.",
]


@pytest.mark.parametrize(
    ("query", "place"),
    [("When does the train leave?", 2), ("What colour is our kitchen?", 1), ("Whose dog is it?", 0)],
)
def test_turns_are_found_by_the_words_they_share(query, place):
    assert nearest(query, TOPICS)[0] == place
    assert nearest("Say hello.", TOPICS) == []


def test_likeness_finds_what_shares_no_word():
    assert nearest("Which food must I avoid?", TOPICS) == []
    assert nearest("Which food must I avoid?", TOPICS, {3: 0.55, 1: 0.1}) == [3]


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=6))
def test_shares_are_shares(query, texts):
    found = shares(query, texts)
    assert len(found) == len(texts)
    assert all(0 <= share <= 1 + 1e-9 for share in found)
    if content_words(query):
        assert shares(query, [query]) == pytest.approx([1.0])


def test_the_room_goes_by_what_a_model_can_do():
    def room(**more: Any) -> int:
        model = Small()
        model.capabilities = Capabilities(scoring=True, **more)
        return room_of(model)

    assert room(context=None) == 3000
    assert room(context=1000) == 750
    assert room(context=128_000, attention=True) == 3000
    assert room(context=128_000) == 8000
