"""The chat agent: turns on scripted models, the real memory, and one turn in a real browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from agentkit.agents.chat import ChatAgent, routing
from agentkit.config import Settings
from agentkit.content import Image
from agentkit.contracts.result import Usage
from agentkit.contracts.script import ScriptLine
from agentkit.errors import UsageError
from agentkit.models import Capabilities, Model, Reply, Request, Scores, VisionCard
from agentkit.models.script import ScriptModel
from tests.results import output_of, question_of, run_of

ORDER = ("answer", "look", "browse", "research", "tool", "ask", "weather")


def script(*lines: dict, name: str = "decide") -> ScriptModel:
    return ScriptModel([ScriptLine.model_validate(line) for line in lines], f"script:{name}")


def scores(route: str, *more: str) -> list[dict]:
    """Return the script lines of one choice of a route: the turn, then the empty turn.

    ``more``: what is possible beside answering, browsing and asking.
    """
    names = [name for name in ORDER if name in ("answer", "browse", "ask", *more)]
    return [{"scores": [0.0 if name == route else -9.0 for name in names]}, {"scores": [-1.0] * len(names)}]


def events(result, kind: str) -> list[dict]:
    lines = (Path(result.run) / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings.load(runs=tmp_path / "runs")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def red() -> Image:
    return Image.of_pixels(Pillow.new("RGB", (64, 48), "red"))


async def test_an_answer_is_streamed_and_remembered(settings, folder):
    model = script(*scores("answer"), {"text": "Paris it is."})
    agent = ChatAgent(decide=model, memory=folder, settings=settings)
    items = [item async for item in agent.astream("What is the capital?", conversation="geo")]
    result = items[-1]
    assert (result.status, result.answer) == ("done", "Paris it is.")
    assert result.output == {"route": "answer", "conversation": "geo"}
    said = [item.text for item in items[:-1] if item.kind == "said"]
    assert len(said) > 1
    assert "".join(said) == "Paris it is."
    (turn,) = agent.conversations.turns("geo")
    assert Path(turn.run).name == Path(result.run).name
    assert [m["parts"][0]["text"] for m in turn.messages] == ["What is the capital?", "Paris it is."]


async def test_the_next_turn_knows_the_last_one_in_another_process_too(settings, folder):
    first = ChatAgent(
        decide=script(*scores("answer"), {"text": "Hello Ada."}), memory=folder, settings=settings
    )
    await first.arun("I am Ada.", conversation="one")
    model = script(*scores("answer"), {"text": "Ada."}, *scores("answer"), {"text": "I do not know."})
    agent = ChatAgent(decide=model, memory=folder, settings=settings)
    result = await agent.arun("Who am I?", conversation="one")
    prompt = events(result, "model_called")[-1]["prompt"]
    assert [m["parts"][0]["text"] for m in prompt[1:]] == ["I am Ada.", "Hello Ada.", "Who am I?"]
    assert prompt[-1]["parts"][0]["label"] == "query"
    # Another conversation knows nothing of it, and no conversation is not remembered.
    other = await agent.arun("Who am I?")
    assert len(events(other, "model_called")[-1]["prompt"]) == 2
    assert [c.name for c in agent.conversations.list()] == ["one"]


async def test_a_picture_settles_the_route_and_later_turns_can_look_again(settings, folder, red):
    see = script({"text": "It is red."}, {"text": "Still red."}, name="see")
    decide = script(*scores("look", "look"))
    agent = ChatAgent(see=see, decide=decide, memory=folder, strategy="direct", settings=settings)
    first = await agent.arun("What colour is it?", images=[red], conversation="one")
    assert (first.status, first.answer, output_of(first)["route"]) == ("done", "It is red.", "look")
    assert first.evidence[0].image == red.sha256
    second = await agent.arun("Which colour again?", conversation="one")
    assert (second.answer, output_of(second)["route"]) == ("Still red.", "look")
    assert second.evidence[0].image == red.sha256
    agent.conversations.delete("one")
    # The run keeps its own copy: it can still be replayed.
    again = await ChatAgent(memory=folder, strategy="direct", settings=settings).areplay(run_of(second))
    assert again.answer == "Still red."


async def test_schema_models_choose_by_schema(settings, folder):
    class Writer(Model):
        reference, card = "test:writer", VisionCard()
        capabilities = Capabilities(schema=True, context=200)

        async def _generate(self, request: Request) -> Reply:
            if request.schema is not None and "notes" in request.schema["properties"]:
                return Reply("", data={"notes": []}, usage=Usage(calls=1))
            if request.schema is not None:
                assert request.schema["properties"]["route"]["enum"] == ["answer", "browse", "ask"]
                return Reply('{"route": "answer"}', data={"route": "answer"}, usage=Usage(calls=1))
            return Reply("Yes.", usage=Usage(calls=1))

    agent = ChatAgent(decide=Writer(), memory=folder, settings=settings)
    results = [
        await agent.arun(f"Tell me about number {number}. " + "More. " * 20, conversation="long")
        for number in range(6)
    ]
    assert [result.answer for result in results] == ["Yes."] * 6
    # The past that fits goes with the turn; the turn itself is always whole and last.
    prompt = events(results[-1], "model_called")[-1]["prompt"]
    assert 2 < len(prompt) < 13
    assert prompt[-1]["parts"][0]["text"].startswith("Tell me about number 5.")


async def test_replay_of_a_turn_changes_nothing(settings, folder):
    model = script(*scores("answer"), {"text": "Hello."})
    result = await ChatAgent(decide=model, memory=folder, settings=settings).arun("Hi", conversation="one")
    again = await ChatAgent(memory=folder, settings=settings).areplay(run_of(result))
    assert again.answer == "Hello."
    assert len(ChatAgent(memory=folder, settings=settings).conversations.turns("one")) == 1


async def test_a_silent_model_is_a_failure_that_is_remembered(settings, folder):
    agent = ChatAgent(decide=script(*scores("answer"), {"text": " "}), memory=folder, settings=settings)
    result = await agent.arun("Hi", conversation="one")
    assert (result.status, result.error) == ("failed", "the model said nothing")
    assert "failed" in agent.conversations.turns("one")[0].messages[1]["parts"][0]["text"]


async def test_bad_input_is_told_before_any_call(settings, folder, tmp_path):
    model = script({"text": "never"})
    agent = ChatAgent(decide=model, memory=folder, settings=settings)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    wrong: list[dict[str, Any]] = [
        {"images": [tmp_path / "broken.jpg"]},
        {"images": [tmp_path / "missing.jpg"]},
        {"conversation": "two\nlines"},
        {"pictures": []},
    ]
    for arguments in wrong:
        with pytest.raises(UsageError):
            await agent.arun("Hi", **arguments)
    with pytest.raises(UsageError, match="empty"):
        await agent.arun("  ")
    assert model.left == 1


async def test_options_make_the_agent_again(settings, folder):
    agent = ChatAgent(memory=folder, instructions="Rhyme.", settings=settings)
    assert ChatAgent(**agent.options(), settings=settings).options() == agent.options()


@pytest.mark.parametrize(
    ("text", "pictures", "route"),
    [
        ("What is this?", True, "look"),
        ("Open https://example.org/a?b=1.", False, "browse"),
        ("Is it the one on http://example.org?", True, None),
        ("Hello", False, None),
        ("??", False, "ask"),
        ("??", True, "look"),
        ("👍", False, None),
    ],
)
def test_facts_settle_the_route(text, pictures, route):
    assert routing.settled(text, pictures=pictures) == route


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("go to https://example.org/a?b=1.", "https://example.org/a?b=1"),
        ("(see http://127.0.0.1:8000/)", "http://127.0.0.1:8000/"),
        ("ftp://example.org", None),
        ("https:// nothing", None),
    ],
)
def test_addresses_in_text(text, url):
    assert routing.url_in(text) == url


# A turn in a real browser.

FORM = """<!doctype html><title>Order</title><h1>Order</h1>
<form method="post"><label>Name <input name="name"></label><button>Order now</button></form>"""
THANKS = "<!doctype html><title>Thank you</title><h1>Thank you</h1>"


@pytest.fixture
def shop() -> Iterator[tuple[str, list[str]]]:
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(FORM)

        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.answer(THANKS)

        def answer(self, body: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", received
    server.shutdown()
    server.server_close()


class Chooser(Model):
    """Ranks options by a list: the first of the list that is offered comes first."""

    reference, card = "test:chooser", VisionCard()
    capabilities = Capabilities(scoring=True)

    def __init__(self, *wanted: str) -> None:
        self.wanted = wanted

    async def _generate(self, request: Request) -> Reply:
        raise NotImplementedError("a chooser only ranks")

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        ranks = [self.wanted.index(o) if o in self.wanted else len(self.wanted) for o in options]
        flat = [0.0] * len(options)
        # The last prompt is the one without the task, where there are two.
        rows = [[-float(rank) for rank in ranks], flat][: len(requests)]
        return [Scores(options, tuple(row), (1,) * len(options), Usage(calls=1)) for row in rows]


async def test_a_web_turn_asks_for_the_page_and_for_approval(settings, folder, shop):
    from agentkit.agents.web import WebAgent

    url, received = shop
    model = Chooser("website", 'type "Ada" into textbox "Name"', 'click button "Order now"', "finish")
    web = WebAgent(model, memory="off", settings=settings)
    agent = ChatAgent(decide=model, memory=folder, abilities={"browse": web}, settings=settings)
    asked = await agent.arun('Order with the name "Ada".', conversation="shop")
    assert asked.status == "needs_input"
    assert question_of(asked).missing == "url"
    asked = await agent.aresume(asked, url)
    assert asked.status == "needs_input"
    assert "Order now" in question_of(asked).text
    assert received == []
    done = await agent.aresume(asked, "yes")
    assert (done.status, received) == ("done", ["name=Ada"])
    assert output_of(done)["route"] == "browse"
    # What was read from a page stays untrusted when it is said again.
    (turn,) = agent.conversations.turns("shop")
    assert turn.messages[1]["parts"][0]["trust"] == "untrusted"
    again = ChatAgent(
        memory=folder, abilities={"browse": WebAgent(memory="off", settings=settings)}, settings=settings
    )
    assert (await again.areplay(run_of(done))).answer == done.answer
    assert received == ["name=Ada"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" example.org ", "https://example.org"),
        ("localhost:80/a?b=1", "https://localhost:80/a?b=1"),
        ("http://127.0.0.1:9/", "http://127.0.0.1:9/"),
        ("What did I just ask you?", None),
        ("https://example.org and more", None),
        ("none", None),
        ("", None),
    ],
)
def test_what_is_an_address(text, address):
    assert routing.address_of(text) == address


async def test_a_web_turn_without_a_page_is_answered_in_words(settings, folder):
    model = script(*scores("browse"), {"text": "I can't."})
    agent = ChatAgent(model, memory=folder, settings=settings)
    asked = await agent.arun("Buy milk.")
    done = await agent.aresume(asked, "just tell me how")
    assert (done.status, done.answer, output_of(done)["route"]) == ("done", "I can't.", "answer")
