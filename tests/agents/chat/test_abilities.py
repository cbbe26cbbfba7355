"""Where turns go: the abilities, those of a user's own, questions about unclear turns, likeness to examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.chat import Ability, ChatAgent, routing
from agentkit.agents.chat.ability import built_in, examples, tool_shots
from agentkit.agents.chat.nearness import Nearness
from agentkit.agents.general import Agent
from agentkit.agents.research import ResearchAgent
from agentkit.config import Settings
from agentkit.contracts.result import Usage
from agentkit.errors import UsageError
from agentkit.models import Capabilities, Model, Reply, Request, VisionCard
from agentkit.tools.clock import now
from agentkit.tools.retrieval import Passage
from agentkit.toolset import Toolset
from tests.agents.chat.test_chat import events, scores, script
from tests.agents.research.shelf import Shelf
from tests.results import output_of, question_of, run_of

SHOTS = ("Will it rain?", "How warm is it in Graz?", "Is there snow on Sunday?")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings.load(runs=tmp_path / "runs", memory=tmp_path / "memory")


def weather(place: str) -> str:
    """Return the weather of a place.

    Args:
        place: A town.
    """
    return f"It is sunny in {place}."


def call(name: str, **arguments: str) -> dict:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


async def test_a_turn_goes_to_a_new_ability_and_what_it_says_is_not_trusted(settings, tmp_path):
    inner = Agent(
        script(call("weather", place="Graz"), {"text": "Sunny."}), tools=[weather], settings=settings
    )
    ability = Ability("tell the weather of a place", "weather", SHOTS, agent=inner)
    decide = script(*scores("weather", "weather"))
    agent = ChatAgent(decide=decide, memory=tmp_path, abilities={"weather": ability}, settings=settings)
    result = await agent.arun("And in Graz?", conversation="w")
    assert (result.status, result.answer, output_of(result)["route"]) == ("done", "Sunny.", "weather")
    assert [event["tool"] for event in events(result, "tool_called")] == ["weather"]
    (turn,) = agent.conversations.turns("w")
    assert turn.messages[1]["parts"][0]["trust"] == "untrusted"
    offered = events(result, "model_called")[0]["prompt"]
    assert "weather" in offered[0]["parts"][0]["text"]
    assert SHOTS[0] in [message["parts"][0]["text"] for message in offered]


@pytest.mark.parametrize(
    ("name", "ability"),
    [
        ("Weather", Ability("x", "weather", SHOTS, agent=Agent("script:x"))),
        ("recall", Ability("x", "weather", SHOTS, agent=Agent("script:x"))),
        ("weather", Ability("x", "talk", SHOTS, agent=Agent("script:x"))),
        ("weather", Ability("x", "weather", SHOTS[:2], agent=Agent("script:x"))),
        ("weather", Ability("x", "weather", SHOTS)),
        ("answer", Agent("script:x")),
        ("weather", Agent("script:x")),
    ],
)
def test_abilities_that_can_not_be(settings, name, ability):
    with pytest.raises(UsageError):
        ChatAgent(abilities={name: ability}, settings=settings)


async def test_tools_make_the_tool_ability_possible(settings, tmp_path):
    decide = script(*scores("tool", "tool"), call("now", zone="Asia/Tokyo"), {"text": "It is late."})
    agent = ChatAgent(decide=decide, memory=tmp_path, tools=["agentkit.tools.clock:now"], settings=settings)
    result = await agent.arun("How late is it in Tokyo?", conversation="t")
    assert (result.status, result.answer, output_of(result)["route"]) == ("done", "It is late.", "tool")
    (called,) = events(result, "tool_called")
    assert called["tool"] == "now"
    assert ChatAgent(**agent.options(), settings=settings).options() == agent.options()
    again = await ChatAgent(**agent.options(), settings=settings).areplay(run_of(result))
    assert again.answer == "It is late."


def said(**data: Any) -> dict:
    return {"text": json.dumps(data)}


async def test_a_turn_searches_the_sources_and_their_passages_are_its_evidence(settings, tmp_path):
    text = "The old mill was built in 1912."
    shelf = Shelf([Passage(id="mill", source="shelf", title="Mill", text=text, document="mill.txt")])
    model = script(
        said(
            thought="?", actions=[{"kind": "text", "question": "When was it built?", "query": "mill built"}]
        ),
        said(found=True, quote=text, answer="1912"),
        said(thought="Enough.", answer="1912"),
        said(sentences=[{"text": "The mill was built in 1912.", "notes": [1]}]),
    )
    research = ResearchAgent(model, [shelf], critic="none", write="always", own=False, settings=settings)
    decide = script(*scores("research", "research"))
    agent = ChatAgent(decide=decide, memory=tmp_path, abilities={"research": research}, settings=settings)
    result = await agent.arun("Look up when the mill was built.", conversation="m")
    assert (result.status, result.answer) == ("done", "The mill was built in 1912. [1]")
    assert [(item.source, output_of(result)["route"]) for item in result.evidence] == [
        ("mill.txt", "research")
    ]
    (turn,) = agent.conversations.turns("m")
    assert turn.messages[1]["parts"][0]["trust"] == "untrusted"


async def test_without_sources_nothing_is_searched(settings, tmp_path):
    shelf = Shelf([])
    assert "research" not in ChatAgent(memory=tmp_path, settings=settings).possible({})
    agent = ChatAgent(script({"text": "x"}), memory=tmp_path, sources=[shelf], settings=settings)
    assert "research" in agent.possible({})
    made = agent.agent_of("research")
    assert isinstance(made, ResearchAgent)
    assert (made.sources, made.cast) == ([shelf], agent.cast)


async def test_settings_name_sources_and_tools(monkeypatch, tmp_path):
    monkeypatch.setenv("AGENTKIT_TOOLS", "agentkit.tools.clock:now")
    monkeypatch.setenv("AGENTKIT_SOURCES", "index:one, web")
    settings = Settings.load(runs=tmp_path / "runs")
    assert (settings.tools, settings.sources) == (("agentkit.tools.clock:now",), ("index:one", "web"))
    agent = ChatAgent(memory=tmp_path, settings=settings)
    assert agent.tools.names == ("now",)
    assert "now" in agent.abilities["tool"].line
    assert agent.options()["sources"] == ["index:one", "web"]


# Unclear turns.


async def test_an_unclear_turn_asks_once_and_goes_on_with_what_is_said(settings, tmp_path):
    decide = script(*scores("ask"), {"scores": [0.0, -9.0]}, {"scores": [-1.0, -1.0]}, {"text": "Sure."})
    agent = ChatAgent(decide=decide, memory=tmp_path, settings=settings)
    asked = await agent.arun("Do it.", conversation="one")
    assert asked.status == "needs_input"
    question = question_of(asked)
    assert (question.missing, question.choices) == ("meaning", ["Just answer", "Do it on a web page"])
    done = await agent.aresume(asked, "Sing a song, I mean.")
    assert (done.status, done.answer, output_of(done)["route"]) == ("done", "Sure.", "answer")
    (turn,) = agent.conversations.turns("one")
    assert [part["text"] for part in turn.messages[0]["parts"]] == ["Do it.", "Sing a song, I mean."]


async def test_a_choice_of_what_is_offered_needs_no_model(settings, tmp_path):
    decide = script({"text": "Hm."})
    agent = ChatAgent(decide=decide, memory=tmp_path, settings=settings)
    asked = await agent.arun("???")
    done = await agent.aresume(asked, "Just answer")
    assert (done.answer, output_of(done)["route"]) == ("Hm.", "answer")


class Writer(Model):
    """Follows schemas, ranks nothing: everything is unclear to it."""

    reference, card = "test:writer", VisionCard()
    capabilities = Capabilities(schema=True)

    async def _generate(self, request: Request) -> Reply:
        schema = request.schema
        if schema is None:
            return Reply("Done.", usage=Usage(calls=1))
        if "route" not in schema["properties"]:
            data = {"question": "Which book?", "choices": ["The red one", "The red one", "The blue one"]}
            return Reply("", data=data, usage=Usage(calls=1))
        routes = schema["properties"]["route"]["enum"]
        return Reply("", data={"route": "ask" if "ask" in routes else "answer"}, usage=Usage(calls=1))


async def test_a_model_that_writes_asks_in_its_own_words(settings, tmp_path):
    agent = ChatAgent(decide=Writer(), memory=tmp_path, settings=settings)
    asked = await agent.arun("Read it.")
    assert (question_of(asked).text, question_of(asked).choices) == (
        "Which book?",
        ["The red one", "The blue one"],
    )
    assert (await agent.aresume(asked, "The blue one")).answer == "Done."


# Likeness.


class Letters:
    """Embeds a text as the counts of its letters."""

    reference, dimension = "test:letters", 26

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += len(texts)
        counts = [[text.lower().count(chr(97 + i)) + 0.01 for i in range(26)] for text in texts]
        rows = np.array(counts, np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@given(st.permutations(["answer", "look", "browse", "research", "ask"]), st.text(max_size=40))
def test_scores_do_not_depend_on_the_order_of_the_abilities(order, text):
    ordered = NEAR.scores(text, {name: examples()[name] for name in sorted(order)})
    assert NEAR.scores(text, {name: examples()[name] for name in order}) == pytest.approx(ordered, abs=1e-4)


NEAR = Nearness(Letters())


def test_examples_are_embedded_once():
    embedder = Letters()
    near, shots = Nearness(embedder), {"a": ("aa", "ab"), "z": ("zz", "zy")}
    assert near.scores("aaa", shots)["a"] > near.scores("aaa", shots)["z"]
    assert embedder.asked == 4 + 2


async def test_an_unclear_follow_up_is_read_with_the_turn_before():
    abilities = {
        "answer": Ability("", "talk", ("aaa", "aab", "aac")),
        "look": Ability("", "picture", ("zzz", "zzy", "zzx")),
        "ask": Ability("", "unclear", ("kkk", "kkl", "kkm")),
    }
    near, model = Nearness(Letters()), script()
    assert await routing.choose(model, "kkk", abilities, nearness=near) == "ask"
    assert await routing.choose(model, "k", abilities, before="zzzzz", nearness=near) == "look"


def test_tools_are_described_by_what_they_do():
    tools = Toolset([now, weather])
    assert "What is the weather of a place?" in tool_shots(tools)
    assert "now (Return the current date" in built_in(tools)["tool"].line
