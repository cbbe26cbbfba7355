"""The chat server's API, over real HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import random
import threading

import httpx
import pytest
from PIL import Image as Pillow

from agentkit.agents.chat.server.config import ServerConfig, tokens_of
from agentkit.agents.chat.server.schema import NewTurn
from agentkit.config import Settings
from agentkit.content import Message
from agentkit.errors import ModelError, UsageError
from agentkit.memory import Conversations

from .conftest import Served, Talker, events, served


def png(colour: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_turn_is_streamed_and_kept(server: Served):
    talk = await server.conversation()
    begun = await server.begin(talk, "What is the capital of France?")
    assert (begun["status"], begun["text"]) == ("running", "What is the capital of France?")
    found = await events(server, begun["key"])
    numbers = [int(item["id"]) for item in found if item["event"] == "event"]
    assert numbers == list(range(len(numbers)))
    told = [json.loads(item["data"]) for item in found]
    said = "".join(event["text"] for event in told if event.get("kind") == "said")
    assert said == "Hello from the model."
    assert (found[-1]["event"], told[-1]["status"], told[-1]["answer"]) == ("end", "done", said)
    assert told[-1]["route"] == "answer"
    page = await server.get(f"/api/conversations/{talk}")
    assert page["name"] == "What is the capital of France?"
    assert [turn["answer"] for turn in page["shown"]] == [said]
    # The terminal's chat has the same conversation.
    (turn,) = Conversations(server.folder / "memory").turns(page["name"])
    assert turn.messages[1]["parts"][0]["text"] == said


async def test_conversations_are_listed_while_a_turn_ends(server: Served, monkeypatch: pytest.MonkeyPatch):
    server.model.hold = gate = asyncio.Event()
    talks = [await server.conversation(f"Talk {number}") for number in (1, 2)]
    keys = [(await server.begin(talk, "Go."))["key"] for talk in talks]
    found, ended, look = threading.Event(), threading.Event(), Conversations.turn

    def slow(self: Conversations, key: str):
        if threading.current_thread() is not threading.main_thread() and not found.is_set():
            # The listing has found one running turn; before it looks at the next, both end.
            found.set()
            assert ended.wait(30)
        return look(self, key)

    monkeypatch.setattr(Conversations, "turn", slow)
    listing = asyncio.create_task(server.get("/api/conversations"))
    assert await asyncio.to_thread(found.wait, 30)
    gate.set()
    for key in keys:
        await server.until(key, "done")
    ended.set()
    assert {item["name"] for item in (await listing)["conversations"]} == {"Talk 1", "Talk 2"}


async def test_a_stream_goes_on_after_any_event_without_loss_or_doubles(server: Served):
    server.model.says = " ".join(f"w{i}" for i in range(60))
    talk = await server.conversation()
    key = (await server.begin(talk, "Go."))["key"]
    whole = [item for item in await events(server, key) if item["event"] == "event"]
    assert [int(item["id"]) for item in whole] == list(range(len(whole)))
    dice = random.Random(7)
    for after in dice.sample(range(len(whole)), 10):
        rest = [item for item in await events(server, key, after) if item["event"] == "event"]
        assert rest == whole[after + 1 :]


async def test_a_live_stream_that_is_cut_goes_on_where_it_was(server: Served):
    server.model.says = " ".join(f"w{i}" for i in range(80))
    server.model.hold = gate = asyncio.Event()
    talk = await server.conversation()
    key = (await server.begin(talk, "Go."))["key"]
    got: list[int] = []
    dice = random.Random(3)
    ended = False
    while not ended:
        headers = {"last-event-id": str(got[-1])} if got else {}
        left = dice.randrange(1, 12)
        async with server.client.stream("GET", f"/api/turns/{key}/events", headers=headers) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    got.append(int(line[4:]))
                    left -= 1
                if line == "event: end":
                    ended = True
                if got and got[-1] > 5:
                    gate.set()
                if left <= 0:
                    break
    assert got == list(range(len(got)))
    assert len(got) > 85


async def test_the_same_turn_twice_is_one_turn(server: Served):
    talk = await server.conversation()
    first = await server.begin(talk, "Hi.", key="00000000000000aa")
    again = await server.begin(talk, "Hi.", key="00000000000000aa")
    assert first["key"] == again["key"]
    await server.until(first["key"])
    assert len((await server.get(f"/api/conversations/{talk}"))["shown"]) == 1
    assert len(server.model.prompts) == 1


async def test_a_question_is_answered_once(server: Served):
    talk = await server.conversation()
    key = (await server.begin(talk, "Order tickets on the web."))["key"]
    turn = await server.until(key)
    assert (turn["status"], turn["question"]["missing"]) == ("waiting", "url")
    question = turn["question"]["id"]
    wrong = await server.post(f"/api/turns/{key}/answer", {"question": "q0", "answer": "x"}, 409)
    assert "another" in wrong["error"]
    given = {"question": question, "answer": "no page, just talk"}
    both = await asyncio.gather(
        *(server.client.post(f"/api/turns/{key}/answer", json=given) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in both) == [200, 409]
    done = await server.until(key)
    assert (done["status"], done["answer"]) == ("done", "Hello from the model.")
    kinds = [json.loads(item["data"]).get("kind") for item in await events(server, key)]
    assert kinds.count("asked") == 2  # once in each attempt
    assert kinds.count("answered") == 1


async def test_stop_keeps_what_was_said_and_the_turn_can_be_gone_on_with(server: Served):
    server.model.says = "one two three four"
    talk = await server.conversation()
    server.model.hold = gate = asyncio.Event()
    key = (await server.begin(talk, "Count."))["key"]

    async def first_words() -> None:
        gate.set()
        async with server.client.stream("GET", f"/api/turns/{key}/events") as answer:
            async for line in answer.aiter_lines():
                if '"kind":"said"' in line:
                    gate.clear()
                    return

    await first_words()
    stopped = await server.post(f"/api/turns/{key}/stop")
    assert stopped["status"] == "stopped"
    assert stopped["answer"].startswith("one")
    late = await server.post(f"/api/turns/{key}/answer", {"question": "q", "answer": "yes"}, 409)
    assert "stopped" in late["error"]
    assert "stopped" in (await server.post(f"/api/turns/{key}/stop", status=409))["error"]
    gate.set()
    await server.post(f"/api/turns/{key}/resume")
    done = await server.until(key)
    assert (done["status"], done["answer"]) == ("done", "one two three four")
    assert len((await server.get(f"/api/conversations/{talk}"))["shown"]) == 1


async def test_a_turn_that_is_stopped_before_it_began_can_be_gone_on_with(server: Served):
    talk = await server.conversation("hasty")
    turns = server.app.state.talks["owner"].turns
    # In one step of the loop, so that nothing of the turn has run.
    key, _ = turns.person.conversations.begin(
        "hasty", str(server.folder / "runs" / "never"), [Message.user("Hi.")]
    )
    turns.live.clear()
    turns._resume(key, None)
    assert (await asyncio.wait_for(turns.stop(key), 60)).status == "stopped"
    await server.post(f"/api/turns/{key}/resume")
    assert (await server.until(key))["answer"] == "Hello from the model."
    assert len((await server.get(f"/api/conversations/{talk}"))["shown"]) == 1


async def test_a_turn_is_stopped_at_whatever_moment_of_its_beginning(server: Served):
    server.model.hold = asyncio.Event()
    turns = server.app.state.talks["owner"].turns
    seen = []
    for steps in range(24):
        turn = await turns.begin("moments", NewTurn(text=f"Hi {steps}."))
        for _ in range(steps):
            await asyncio.sleep(0)
        seen.append(await asyncio.wait_for(turns.stop(turn.key), 60))
    assert [turn.status for turn in seen] == ["stopped"] * 24
    assert (await server.post(f"/api/turns/{seen[-1].key}/resume"))["status"] == "running"


async def test_a_correction_begins_the_turn_anew(server: Served):
    server.model.hold = gate = asyncio.Event()
    talk = await server.conversation()
    key = (await server.begin(talk, "Describe the car."))["key"]
    new = await server.post(f"/api/turns/{key}/steer", {"text": "no, the blue one"})
    gate.set()
    done = await server.until(new["key"])
    assert done["status"] == "done"
    assert "the blue one" in server.model.prompts[-1].messages[-1].text
    assert "Describe the car." in server.model.prompts[-1].messages[-1].text
    assert (await server.get(f"/api/turns/{key}"))["status"] == "stopped"


async def test_pause_and_go_on(server: Served):
    server.model.hold = gate = asyncio.Event()
    talk = await server.conversation()
    key = (await server.begin(talk, "Hi."))["key"]
    await server.model.asked.wait()
    await server.post(f"/api/turns/{key}/pause")
    gate.set()
    turn = await server.until(key)
    assert (turn["status"], turn["question"]["id"]) == ("waiting", "pause")
    await server.post(f"/api/turns/{key}/answer", {"question": "pause", "answer": "yes"})
    assert (await server.until(key))["status"] == "done"


async def test_a_model_that_fails_is_said_and_can_be_tried_again(server: Served):
    server.model.error = ModelError("the model is not there")
    talk = await server.conversation()
    key = (await server.begin(talk, "Hi."))["key"]
    failed = await server.until(key)
    assert (failed["status"], failed["error"]) == ("failed", "the model is not there")
    server.model.error = None
    await server.post(f"/api/turns/{key}/resume")
    assert (await server.until(key))["answer"] == "Hello from the model."


async def test_a_restart_keeps_conversations_and_what_was_under_way(tmp_path):
    async with served(tmp_path) as first:
        talk = await first.conversation("kept")
        done = (await first.begin(talk, "One."))["key"]
        await first.until(done)
        before = await events(first, done)
        waiting = (await first.begin(talk, "Something on the web."))["key"]
        question = (await first.until(waiting))["question"]
        first.model.hold = asyncio.Event()
        first.model.asked.clear()
        cut = (await first.begin(talk, "Two."))["key"]
        await first.model.asked.wait()
    async with served(tmp_path) as second:
        shown = (await second.get(f"/api/conversations/{talk}"))["shown"]
        assert [turn["status"] for turn in shown] == ["done", "waiting", "interrupted"]
        assert await events(second, done) == before
        await second.post(f"/api/turns/{waiting}/answer", {"question": question["id"], "answer": "none"})
        assert (await second.until(waiting))["status"] == "done"
        await second.post(f"/api/turns/{cut}/resume")
        assert (await second.until(cut))["answer"] == "Hello from the model."


async def test_pictures_are_sniffed_limited_and_encoded_anew(tmp_path, serving):
    server = await serving(tmp_path, max_picture=100_000)
    sent = png()
    kept = (await server.client.post("/api/pictures", content=sent)).json()
    assert (kept["width"], kept["height"], kept["format"]) == (40, 30, "PNG")
    shown = await server.client.get(f"/api/pictures/{kept['digest']}?side=20")
    assert shown.headers["content-type"] == "image/png"
    assert Pillow.open(io.BytesIO(shown.content)).size == (20, 15)
    crop = await server.client.get(f"/api/pictures/{kept['digest']}?box=0,0,10,5")
    assert Pillow.open(io.BytesIO(crop.content)).size == (10, 5)
    for bad in (b"<svg onload=alert(1)>", b"", sent[:60], b"GIF89a"):
        answer = await server.client.post("/api/pictures", content=bad, headers={"content-type": "image/png"})
        assert answer.status_code == 400, answer.text
    assert (await server.client.post("/api/pictures", content=bytes(100_001))).status_code == 413

    async def without_length():
        for _ in range(30):
            yield bytes(5000)

    assert (await server.client.post("/api/pictures", content=without_length())).status_code == 413
    for path in ("../conversations.sqlite", "%2e%2e%2fconversations.sqlite", "a" * 64, "/etc/passwd"):
        assert (await server.client.get(f"/api/pictures/{path}")).status_code == 404
        assert (await server.client.get(f"/page/{path}")).status_code == 404


async def test_a_turn_with_a_picture_is_remembered_with_it(server: Served):
    digest = (await server.client.post("/api/pictures", content=png("blue"))).json()["digest"]
    talk = await server.conversation()
    # The address settles where it goes, so that no eyes are needed: both facts are there, the model chooses.
    key = (await server.begin(talk, "Hello", pictures=[digest], url=None))["key"]
    turn = await server.get(f"/api/turns/{key}")
    assert turn["pictures"] == [digest]
    assert (await server.begin(talk, "x", pictures=[]))["status"] == "running"
    missing = await server.client.post(
        f"/api/conversations/{talk}/turns", json={"text": "x", "pictures": ["b" * 64]}
    )
    assert missing.status_code == 404


async def test_conversations_are_listed_searched_renamed_exported_branched_and_deleted(server: Served):
    talk = await server.conversation()
    first = (await server.begin(talk, "A purple elephant."))["key"]
    await server.until(first)
    second = (await server.begin(talk, "And a hat."))["key"]
    await server.until(second)
    listing = await server.get("/api/conversations?search=ELEPHANT")
    assert [hit["conversation"] for hit in listing["hits"]] == [talk]
    renamed = await server.client.patch(f"/api/conversations/{talk}", json={"name": "Zoo"})
    assert renamed.json()["name"] == "Zoo"
    text = (await server.client.get(f"/api/conversations/{talk}/export")).text
    assert text.startswith("# Zoo")
    assert "A purple elephant." in text
    data = (await server.client.get(f"/api/conversations/{talk}/export?form=json")).json()
    assert [turn["text"] for turn in data["shown"]] == ["A purple elephant.", "And a hat."]
    fork = await server.post(f"/api/conversations/{talk}/branch", {"before": second})
    forked = await server.get(f"/api/conversations/{fork['key']}")
    assert [turn["text"] for turn in forked["shown"]] == ["A purple elephant."]
    runs = server.folder / "runs"
    assert len(list(runs.glob("*/run.json"))) == 2
    assert (await server.client.delete(f"/api/conversations/{talk}")).status_code == 204
    # The branch still has the first turn's recording.
    assert len(list(runs.glob("*/run.json"))) == 1
    assert (await server.client.delete(f"/api/conversations/{fork['key']}")).status_code == 204
    left = [path for path in server.folder.rglob("*") if path.is_file() and b"purple" in path.read_bytes()]
    assert left == []
    await server.get(f"/api/conversations/{talk}", 404)
    await server.get(f"/api/turns/{first}", 404)


async def test_a_conversation_is_deleted_while_a_turn_runs(server: Served):
    server.model.hold = asyncio.Event()
    talk = await server.conversation("busy")
    await server.begin(talk, "Hi.")
    await server.model.asked.wait()
    assert (await server.client.delete(f"/api/conversations/{talk}")).status_code == 204
    assert (await server.get("/api/conversations"))["conversations"] == []
    assert list((server.folder / "runs").glob("*/run.json")) == []


async def test_people_are_apart(tmp_path, serving):
    server = await serving(tmp_path, tokens={"token-of-ann": "ann", "token-of-bob": "bob"})
    ann, bob = (
        httpx.AsyncClient(base_url=server.url, headers={"authorization": f"Bearer token-of-{name}"})
        for name in ("ann", "bob")
    )
    async with ann, bob:
        talk = (await ann.post("/api/conversations", json={"name": "mine"})).json()["key"]
        turn = (await ann.post(f"/api/conversations/{talk}/turns", json={"text": "secret"})).json()["key"]
        digest = (await ann.post("/api/pictures", content=png())).json()["digest"]
        for path in (
            f"/api/conversations/{talk}",
            f"/api/turns/{turn}",
            f"/api/turns/{turn}/events",
            f"/api/turns/{turn}/report",
            f"/api/pictures/{digest}",
        ):
            assert (await bob.get(path)).status_code == 404, path
            assert (await server.client.get(path)).status_code == 401, path
        assert (await bob.get("/api/conversations?search=secret")).json() == {"conversations": [], "hits": []}
        assert (await ann.get("/api/state")).json()["person"] == "ann"
    assert (await server.client.post("/api/session", json={"token": "guess"})).status_code == 401
    entered = await server.client.post("/api/session", json={"token": "token-of-ann"})
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert "SameSite=strict" in entered.headers["set-cookie"]
    assert "token-of-ann" not in entered.headers["set-cookie"]
    assert (await server.get("/api/state"))["person"] == "ann"


async def test_other_sites_are_refused(server: Served):
    for headers in (
        {"origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
    ):
        answer = await server.client.post("/api/conversations", json={}, headers=headers)
        assert answer.status_code in (403, 421), headers
        answer = await server.client.get("/api/conversations", headers=headers)
        assert answer.status_code in (403, 421), headers
    assert (await server.client.get("/", headers={"sec-fetch-site": "cross-site"})).status_code == 200
    answer = await server.client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_off_loopback_needs_a_token(tmp_path):
    settings = Settings.load(runs=tmp_path)
    with pytest.raises(UsageError, match="--token"):
        ServerConfig(settings=settings, host="0.0.0.0")
    with pytest.raises(UsageError, match="too short"):
        ServerConfig(settings=settings, host="0.0.0.0", tokens={"short": "owner"})
    assert ServerConfig(settings=settings, host="0.0.0.0", tokens=tokens_of(["a-long-secret"])).tokens
    assert tokens_of(["ann=secret-one", "c2VjcmV0=="]) == {"secret-one": "ann", "c2VjcmV0==": "owner"}
    assert "a-long-secret" not in repr(ServerConfig(settings=settings, tokens=tokens_of(["a-long-secret"])))


async def first_of(server: Served, key: str, name: str) -> dict:
    """Return the data of the first server-sent event of a name."""
    async with server.client.stream("GET", f"/api/turns/{key}/events") as answer:
        found = False
        async for line in answer.aiter_lines():
            if found:
                return json.loads(line.removeprefix("data: "))
            found = line == f"event: {name}"
    raise AssertionError(f"there was no {name}")


async def test_whoever_waits_for_a_model_knows_how_many_are_ahead(tmp_path, serving):
    from agentkit.agents.chat.server.line import QueuedModel

    model = Talker()
    server = await serving(tmp_path, model)
    model.hold = gate = asyncio.Event()
    queued = await server.app.state.talks["owner"].cast.get("decide")
    assert isinstance(queued, QueuedModel)
    queued.line.width = 1
    keys = []
    for number in range(3):
        talk = await server.conversation(f"talk {number}")
        keys.append((await server.begin(talk, "Hi."))["key"])
    ahead = [await first_of(server, key, "queue") for key in keys[1:]]
    assert sorted(item["ahead"] for item in ahead) == [1, 2]
    assert (await server.get("/api/state"))["models"][1]["waiting"] == 2
    gate.set()
    for key in keys:
        assert (await server.until(key))["status"] == "done"
    assert model.most == 1
    assert len(queued.line) == 0


async def test_every_event_is_to_be_had_whole(server: Served):
    talk = await server.conversation()
    key = (await server.begin(talk, "What is red?"))["key"]
    await server.until(key)
    told = [json.loads(e["data"]) for e in await events(server, key)]
    call = next(event for event in told if event.get("call") == "stream")
    assert "prompt" not in call
    whole = (await server.get(f"/api/turns/{key}/events/{call['seq']}"))["event"]
    assert whole["prompt"][-1]["parts"][0]["text"] == "What is red?"
    await server.get(f"/api/turns/{key}/events/9999", 404)
    report = await server.client.get(f"/api/turns/{key}/report")
    assert "sandbox" in report.headers["content-security-policy"]
    assert "What is red?" in report.text


async def test_bad_requests_are_one_line(server: Served):
    talk = await server.conversation()
    for data in ({}, {"text": ""}, {"text": "x", "more": 1}, {"text": "x", "key": "../../x"}):
        answer = await server.client.post(f"/api/conversations/{talk}/turns", json=data)
        assert answer.status_code == 400
        assert set(answer.json()) == {"error", "mend"}
    blank = await server.client.post(f"/api/conversations/{talk}/turns", json={"text": "   "})
    assert blank.status_code == 400
    await server.post("/api/conversations", {"name": "one\ntwo"}, 400)
    await server.get("/api/conversations/0000", 404)
    await server.get("/api/turns/0000/events", 404)


async def test_the_schema_is_published(server: Served):
    schema = await server.get("/api/openapi.json")
    for path in ("/api/conversations/{key}/turns", "/api/turns/{key}/events", "/v1/chat/completions"):
        assert path in schema["paths"]
    assert "Turn" in schema["components"]["schemas"]
    assert all("operationId" in call for path in schema["paths"].values() for call in path.values())


def test_tokens_of_two_people_differ():
    with pytest.raises(UsageError, match="one token"):
        tokens_of(["ann=same-secret", "bob=same-secret"])


async def test_conversations_that_begin_alike_at_once_are_named_apart(server: Served):
    talks = [await server.conversation() for _ in range(8)]
    begun = await asyncio.gather(*(server.begin(talk, "Hi.") for talk in talks))
    for turn in begun:
        await server.until(turn["key"], "done")
    names = [item["name"] for item in (await server.get("/api/conversations"))["conversations"]]
    assert sorted(names) == sorted(["Hi.", *(f"Hi. {number}" for number in range(2, 9))])
