"""Replies of local models: limits, stops, sampling, streams, schemas, batches, lengths."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable

import pytest
import tiny_models
from local_samples import RED, talk

from agentkit.attention import Boost
from agentkit.content import Message
from agentkit.errors import ModelError, UnsupportedCapability, UsageError
from agentkit.models import Sampling
from agentkit.models.local import LocalModel
from agentkit.models.local_engine import Cancelled, Job
from agentkit.models.local_generation import Writing

Load = Callable[[str], LocalModel]
SCHEMA = {
    "type": "object",
    "properties": {
        "action": {"enum": ["click", "type"]},
        "n": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["action", "n"],
    "additionalProperties": False,
}


async def test_a_reply_is_bounded_and_counted(tiny: Load) -> None:
    model = tiny("llama")
    reply = await model.generate(talk(model), sampling=Sampling(max_tokens=7), logprobs=True)
    assert reply.finish == "length"
    assert reply.usage.calls == 1
    assert reply.usage.output_tokens == 7
    assert reply.usage.input_tokens == len(model.encoder.encode(talk(model)))
    assert reply.usage.cost == 0.0
    assert reply.logprobs is not None
    assert len(reply.logprobs) == 7
    assert all(value <= 0 for _, value in reply.logprobs)


async def test_the_end_of_a_turn_ends_a_reply(tiny: Load) -> None:
    model = tiny("llama")
    # After two tokens the third ends it: generation and scoring agree on what a whole reply is.
    first = await model.generate(talk(model), sampling=Sampling(max_tokens=3), logprobs=True)
    ends = model._writer.ends
    prompt = Job(model.encoder.encode(talk(model)))
    writing = Writing(Sampling(max_tokens=9))
    greedy = Writing(Sampling(max_tokens=9))
    model._writer.write([prompt], [greedy])
    model._writer.ends = frozenset({greedy.ids[2]})
    try:
        model._writer.write([prompt], [writing])
    finally:
        model._writer.ends = ends
    stop_at = greedy.ids.index(greedy.ids[2])
    assert writing.ids == greedy.ids[:stop_at]
    assert writing.finish == "stop"
    assert first.text.startswith(writing.text)


async def test_stop_texts_end_a_reply_and_are_left_out(tiny: Load) -> None:
    model = tiny("qwen2")
    whole = (await model.generate(talk(model), sampling=Sampling(max_tokens=12))).text
    stop = whole[5:8]
    cut = await model.generate(talk(model), sampling=Sampling(max_tokens=12, stop=(stop, "never")))
    assert cut.text == whole[: whole.index(stop)]
    assert cut.finish == "stop"
    chunks = [c.text async for c in model.stream(talk(model), sampling=Sampling(max_tokens=12, stop=(stop,)))]
    assert "".join(chunks) == cut.text


@pytest.mark.parametrize("kind", ["llama", "gemma", "llava"])
async def test_a_stream_is_the_reply_in_pieces(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    sampling = Sampling(max_tokens=10, temperature=1.0, seed=5)
    reply = await model.generate(talk(model), sampling=sampling)
    chunks = [chunk async for chunk in model.stream(talk(model), sampling=sampling)]
    assert "".join(chunk.text for chunk in chunks) == reply.text
    assert len(chunks) > 2
    last = chunks[-1].reply
    assert last is not None
    assert last.text == reply.text


async def test_sampling_follows_its_seed(tiny: Load) -> None:
    model = tiny("llama")

    async def say(**changes: object) -> str:
        sampling = Sampling(**{"max_tokens": 8, "temperature": 1.5, "seed": 1, **changes})  # type: ignore[arg-type]
        return (await model.generate(talk(model), sampling=sampling)).text

    assert await say() == await say()
    assert len({await say(seed=seed) for seed in range(4)}) > 1
    greedy = (await model.generate(talk(model), sampling=Sampling(max_tokens=8))).text
    # Nothing but the likeliest token is left.
    assert await say(top_p=1e-6) == greedy


async def test_a_stream_that_is_left_stops_working(tiny: Load) -> None:
    model = tiny("llama")
    stream = model.stream(talk(model), sampling=Sampling(max_tokens=400))
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]
    # The worker is free at once: this would otherwise wait for 400 tokens.
    reply = await asyncio.wait_for(model.generate(talk(model), sampling=Sampling(max_tokens=1)), 20)
    assert reply.usage.output_tokens == 1


async def test_a_cancelled_reply_stops_working(tiny: Load) -> None:
    model = tiny("llama")
    started = threading.Event()
    stopped: list[bool] = []
    step = model.engine.step

    def watched(*args: object) -> object:
        started.set()
        return step(*args)  # type: ignore[arg-type]

    model.engine.step = watched  # type: ignore[method-assign,assignment]
    write = model._writer.write

    def noted(*args: object) -> None:
        try:
            write(*args)  # type: ignore[arg-type]
        except Cancelled:
            stopped.append(True)
            raise

    model._writer.write = noted  # type: ignore[method-assign,assignment]
    try:
        task = asyncio.ensure_future(model.generate(talk(model), sampling=Sampling(max_tokens=400)))
        await asyncio.to_thread(started.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await model.generate(talk(model), sampling=Sampling(max_tokens=1))
        assert stopped == [True]
    finally:
        del model.engine.step, model._writer.write


@pytest.mark.parametrize("kind", ["llama", "gemma", "llava", "smolvlm"])
async def test_replies_follow_a_schema_whatever_the_model_prefers(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    for seed in range(3):
        sampling = Sampling(max_tokens=60, temperature=2.0, seed=seed)
        reply = await model.generate(talk(model), schema=SCHEMA, sampling=sampling)
        assert reply.data == json.loads(reply.text)
        assert reply.data["action"] in ("click", "type")
        assert 1 <= reply.data["n"] <= 5
        assert reply.finish == "stop"


async def test_a_schema_cut_off_is_an_error_with_what_there_is(tiny: Load) -> None:
    model = tiny("llama")
    with pytest.raises(ModelError, match="max_tokens") as caught:
        await model.generate(talk(model), schema=SCHEMA, sampling=Sampling(max_tokens=2))
    assert caught.value.partial.startswith("{")


async def test_a_schema_that_cannot_be_followed_is_a_usage_error(tiny: Load) -> None:
    model = tiny("llama")
    with pytest.raises(UsageError, match="schema"):
        await model.generate(talk(model), schema={"type": "no such type"})


@pytest.mark.parametrize("kind", ["llama", "llava", "qwen2_vl"])
async def test_batched_replies_are_those_of_single_calls(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    tasks = ["click", "what is the red button?", "the quick brown fox"]
    prompts = [talk(model, task) for task in tasks]
    edits = [Boost("instruction", 4.0)]
    together = await model.generate_each(prompts, sampling=Sampling(max_tokens=6), edits=edits)
    alone = [await model.generate(prompt, sampling=Sampling(max_tokens=6), edits=edits) for prompt in prompts]
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert [r.usage.input_tokens for r in together] == [r.usage.input_tokens for r in alone]


@pytest.mark.parametrize("kind", ["llama", "qwen2_5_vl"])
async def test_scores_do_not_depend_on_their_company(tiny: Load, kind: str) -> None:
    model = tiny(kind)
    options = ["yes", "no", "not visible", "not", "yes"]
    prompts = [talk(model, "click"), talk(model, "what is the red button?")]
    together = await model.score_each(prompts, options)
    for prompt, scores in zip(prompts, together, strict=True):
        assert scores.logprobs[0] == scores.logprobs[4]
        for option, value in zip(options, scores.logprobs, strict=True):
            (alone,) = (await model.score(prompt, [option])).logprobs
            assert value == pytest.approx(alone, rel=1e-5)
        assert scores.tokens == tuple(len(model.encoder.encode_reply(option)) for option in options)
        assert sum(scores.probabilities()) == pytest.approx(1)
    assert together[0].usage.images == len([m for m in prompts[0] for _ in m.images])


async def test_many_options_are_scored_in_groups(tiny: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentkit.models import local_scoring

    model = tiny("llama")
    options = [f"click {a} {b}" for a in ["the", "red"] for b in ["quick", "brown", "fox"]]
    whole = await model.score(talk(model), options)
    monkeypatch.setattr(local_scoring, "MAX_ROWS", 9)
    grouped = await model.score(talk(model), options)
    assert grouped.logprobs == pytest.approx(whole.logprobs, rel=1e-5)


async def test_no_option_is_a_usage_error(tiny: Load) -> None:
    with pytest.raises(UsageError, match="no options"):
        await tiny("llama").score(talk(tiny("llama")), [])


async def test_a_prompt_longer_than_the_context_is_a_usage_error(tiny: Load) -> None:
    model = tiny("llama")
    with pytest.raises(UsageError, match="tokens and the model takes 512"):
        await model.generate([Message.user("fox " * 600)])
    with pytest.raises(UsageError, match="tokens and the model takes 512"):
        await model.score([Message.user("fox " * 600)], ["yes"])


async def test_a_reply_ends_where_the_context_does(tiny: Load) -> None:
    model = tiny("llama")
    room = 512 - len(model.encoder.encode([Message.user("")]))
    unit = len(model.encoder.encode([Message.user("fox fox")])) - len(
        model.encoder.encode([Message.user("fox")])
    )
    long = [Message.user(" ".join(["fox"] * ((room - 8) // unit)))]
    reply = await model.generate(long, sampling=Sampling(max_tokens=300))
    assert reply.finish == "length"
    assert reply.usage.input_tokens + reply.usage.output_tokens <= 513


async def test_pictures_need_a_model_that_sees(tiny: Load) -> None:
    with pytest.raises(UnsupportedCapability, match="images"):
        await tiny("llama").generate([Message.user(RED, "what?")])


async def test_a_model_without_a_chat_template_still_answers(tmp_path, tiny: Load) -> None:
    from agentkit.models.local import load_local

    folder = tiny_models.save_text("llama", tmp_path, tiny_models.byte_level([], None))
    model = load_local(f"hf:{folder}")
    assert (await model.generate([Message.user("hi")], sampling=Sampling(max_tokens=3))).text
    assert (await model.score([Message.user("hi")], ["yes", "no"])).best() in (0, 1)
