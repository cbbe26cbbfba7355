"""The response cache and its keys."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from agentkit.attention import Boost
from agentkit.content import Box, Image, Message, Text
from agentkit.contracts.script import ScriptLine
from agentkit.errors import ModelError, UsageError
from agentkit.models import Reply, Request, Sampling, ToolSpec
from agentkit.models.cache import CachedModel, ReplyStore, request_key
from agentkit.models.script import ScriptModel
from agentkit.models.serial import dump_reply, load_reply

ASK = [Message.user("Say hello.")]


def scripted(*lines: dict) -> ScriptModel:
    return ScriptModel([ScriptLine.model_validate(line) for line in lines], "script:test")


async def test_a_second_call_is_a_hit_that_used_nothing(tmp_path: Path) -> None:
    inner = scripted({"text": "first"}, {"text": "second"})
    model = CachedModel(inner, ReplyStore(tmp_path / "deep" / "cache.sqlite"))
    first, again = await model.generate(ASK), await model.generate(ASK)
    assert not first.cached
    assert again.cached
    assert again.text == "first"
    assert (again.usage.calls, again.usage.cost) == (0, 0.0)
    chunks = [chunk async for chunk in model.stream(ASK)]
    assert chunks[-1].reply is not None
    assert chunks[-1].reply.cached
    assert "".join(chunk.text for chunk in chunks) == "first"
    assert inner.left == 1


async def test_survives_the_process_and_is_shared(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    one = CachedModel(scripted({"text": "kept"}), ReplyStore(file))
    await one.generate(ASK)
    other = CachedModel(scripted(), ReplyStore(file))
    assert (await other.generate(ASK)).text == "kept"


async def test_streamed_replies_are_stored_when_whole(tmp_path: Path) -> None:
    model = CachedModel(scripted({"text": "a b"}, {"text": "c d"}), ReplyStore(tmp_path / "c"))
    async for _ in model.stream(ASK):
        break
    whole = [chunk async for chunk in model.stream(ASK)]
    assert whole[-1].reply is not None
    assert whole[-1].reply.text == "c d"
    assert (await model.generate(ASK)).text == "c d"


async def test_sampling_without_a_seed_is_not_cached(tmp_path: Path) -> None:
    model = CachedModel(scripted({"text": "1"}, {"text": "2"}, {"text": "3"}), ReplyStore(tmp_path / "c"))
    warm = Sampling(temperature=1.0)
    assert [(await model.generate(ASK, sampling=warm)).text for _ in range(2)] == ["1", "2"]
    seeded = replace(warm, seed=1)
    assert [(await model.generate(ASK, sampling=seeded)).text for _ in range(2)] == ["3", "3"]


async def test_errors_are_not_cached(tmp_path: Path) -> None:
    model = CachedModel(scripted({"error": "no"}, {"text": "yes"}), ReplyStore(tmp_path / "c"))
    with pytest.raises(ModelError):
        await model.generate(ASK)
    assert (await model.generate(ASK)).text == "yes"


async def test_batches_ask_only_for_what_is_missing(tmp_path: Path) -> None:
    inner = scripted({"text": "one"}, {"text": "two"}, {"scores": [-1, -2]}, {"scores": [-3, -4]})
    model = CachedModel(inner, ReplyStore(tmp_path / "c"))
    one, two = [Message.user("1")], [Message.user("2")]
    await model.generate(one)
    replies = await model.generate_each([one, two, one])
    assert [(reply.text, reply.cached) for reply in replies] == [("one", True), ("two", False), ("one", True)]
    await model.score(two, ["a", "b"])
    first, second = await model.score_each([one, two], ["a", "b"])
    assert (first.cached, second.cached) == (False, True)
    assert second.logprobs == (-1, -2)
    assert inner.left == 0


async def test_other_weights_under_one_reference_are_another_model(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path / "c")
    one, other = scripted({"text": "old"}), scripted({"text": "new"})
    one.fingerprint, other.fingerprint = "a", "b"  # type: ignore[attr-defined]
    assert (await CachedModel(one, store).generate(ASK)).text == "old"
    assert (await CachedModel(other, store).generate(ASK)).text == "new"


def test_a_file_that_is_no_cache_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("this is not a database, and long enough to be sure of it" * 10)
    with pytest.raises(UsageError, match="AGENTKIT_CACHE"):
        ReplyStore(file)
    with pytest.raises(UsageError, match="can't be used"):
        ReplyStore(file / "below")


async def test_a_full_disk_loses_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = ReplyStore(tmp_path / "c")
    # SQLite's own limit of pages gives the error of a full disk.
    store._db.execute("PRAGMA max_page_count = 2")
    model = CachedModel(scripted({"text": "word " * 20_000}), store)
    assert (await model.generate(ASK)).text.startswith("word")
    assert "full" in caplog.text


PROCESS = """
import asyncio, sys
from pathlib import Path
from agentkit.models.cache import ReplyStore
async def main():
    store = ReplyStore(Path(sys.argv[1]))
    for i in range(60):
        await store.put(f"{sys.argv[2]}-{i}", {"n": i})
        await store.put(f"shared-{i}", {"n": i})
asyncio.run(main())
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    file = str(tmp_path / "c")
    running = [subprocess.Popen([sys.executable, "-c", PROCESS, file, str(i)]) for i in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    store = ReplyStore(Path(file))
    for name in ("0", "1", "2", "shared"):
        found = [asyncio.run(store.get(f"{name}-{i}")) for i in range(60)]
        assert found == [{"n": i} for i in range(60)]


def _base() -> Request:
    picture = Image.of_pixels(Pillow.new("RGB", (8, 8), "red"))
    return Request((Message.user("What is it?", picture),))


def test_everything_that_matters_changes_the_key() -> None:
    base = _base()
    picture = base.messages[0].images[0]
    tool = ToolSpec("look", "Look.", {"type": "object"})
    schemas = [{"properties": {"a": {}, "b": {}}}, {"properties": {"b": {}, "a": {}}}]
    others = [
        replace(base, messages=(Message.user("What is this?", picture),)),
        replace(base, messages=(Message.user("What is it?", picture.crop(Box(0, 0, 4, 4))),)),
        replace(base, messages=(Message.user("What is it?", picture.crop(Box(0, 0, 4, 5))),)),
        replace(base, messages=(Message.user(Text("What is it?", "query"), picture),)),
        replace(base, messages=(Message.user(Text("What is it?", trust="untrusted"), picture),)),
        replace(base, messages=(Message.system("What is it?", picture),)),
        replace(base, tools=(tool,)),
        replace(base, tools=(replace(tool, description="Look!"),)),
        *(replace(base, schema=schema) for schema in schemas),
        replace(base, sampling=Sampling(max_tokens=9)),
        replace(base, sampling=Sampling(seed=1)),
        replace(base, logprobs=True),
        replace(base, edits=(Boost("instruction", 5.0),)),
        replace(base, edits=(Boost("instruction", 6.0),)),
        replace(base, edits=(Boost("instruction", 5.0, layers=(1,)),)),
        replace(base, edits=(Boost(picture, 5.0),)),
    ]
    keys = [request_key(request, "m") for request in (base, *others)]
    keys += [request_key(base, "n"), request_key(base, "m", ["a"]), request_key(base, "m", ["a", "b"])]
    assert len(set(keys)) == len(keys)
    assert request_key(_base(), "m") == keys[0]


@given(st.text(max_size=20), st.text(max_size=20))
def test_keys_tell_texts_apart(one: str, other: str) -> None:
    keys = [request_key(Request((Message.user(text),)), "m") for text in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


@given(
    st.text(),
    st.lists(st.tuples(st.text(), st.floats(max_value=0, allow_infinity=False)), max_size=3) | st.none(),
)
def test_replies_survive_as_data(text: str, logprobs: list[tuple[str, float]] | None) -> None:
    reply = Reply(text, logprobs=None if logprobs is None else tuple(logprobs), model="m")
    assert load_reply(dump_reply(reply)) == reply
