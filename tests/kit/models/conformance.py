"""What every model must do, whatever is behind it. ``CHECKS`` run over every implementation.

A check takes a model that is ready for a few calls; it asks only for what the model declares. Greedy answers.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import fields

import pytest

from agentkit.attention import Boost
from agentkit.content import Image, Message
from agentkit.errors import UnsupportedCapability
from agentkit.models import Capabilities, Model, Request, Sampling, ToolSpec

SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 20}, "yes": {"type": "boolean"}},
    "required": ["word", "yes"],
    "additionalProperties": False,
}
TOOL = ToolSpec("look", "Look at a place.", {"type": "object", "properties": {"at": {"type": "string"}}})
SHORT = Sampling(max_tokens=8)


def prompt(text: str = "Say hello.") -> list[Message]:
    return [Message.system("You are brief."), Message.user(text)]


async def declares(model: Model) -> None:
    assert model.reference
    assert isinstance(model.capabilities, Capabilities)
    assert model.card.prompts


async def generates(model: Model) -> None:
    reply = await model.generate(prompt(), sampling=SHORT)
    assert isinstance(reply.text, str)
    assert reply.finish in ("stop", "length", "tool")
    assert reply.model
    assert reply.usage.calls >= 1
    assert reply.usage.seconds >= 0
    assert reply.usage.cost is None or reply.usage.cost >= 0
    assert reply.message.role == "assistant"


async def streams_what_it_replies(model: Model) -> None:
    chunks = [chunk async for chunk in model.stream(prompt(), sampling=SHORT)]
    assert [chunk.reply is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    last = chunks[-1].reply
    assert last is not None
    assert "".join(chunk.text for chunk in chunks) == last.text
    assert last.usage.calls >= 1


async def a_stream_can_be_left(model: Model) -> None:
    stream = model.stream(prompt(), sampling=SHORT)
    async for _ in stream:
        break
    await stream.aclose()  # type: ignore[attr-defined]


async def answers_several(model: Model) -> None:
    replies = await model.generate_each([prompt("One?"), prompt("Two?")], sampling=SHORT)
    assert len(replies) == 2
    assert all(isinstance(reply.text, str) for reply in replies)


async def follows_a_schema(model: Model) -> None:
    if not model.capabilities.schema:
        with pytest.raises(UnsupportedCapability, match="schema"):
            await model.generate(prompt(), schema=SCHEMA)
        return
    reply = await model.generate(prompt(), schema=SCHEMA, sampling=Sampling(max_tokens=60))
    assert set(reply.data) == {"word", "yes"}
    assert isinstance(reply.data["yes"], bool)


async def gives_logprobs(model: Model) -> None:
    if not model.capabilities.logprobs:
        with pytest.raises(UnsupportedCapability, match="logprobs"):
            await model.generate(prompt(), logprobs=True)
        return
    reply = await model.generate(prompt(), logprobs=True, sampling=SHORT)
    assert reply.logprobs is not None
    # One pair a token: none for a model that has nothing to say to this prompt.
    assert bool(reply.logprobs) == bool(reply.text)
    assert all(isinstance(token, str) and value <= 1e-6 for token, value in reply.logprobs)
    plain = await model.generate(prompt("And now?"), sampling=SHORT)
    assert plain.logprobs is None


async def scores(model: Model) -> None:
    options = ["yes", "no", "perhaps so"]
    if not model.capabilities.scoring:
        with pytest.raises(UnsupportedCapability, match="scoring"):
            await model.score(prompt(), options)
        return
    result = await model.score(prompt(), options)
    assert result.options == tuple(options)
    assert len(result.logprobs) == len(result.tokens) == 3
    assert all(math.isfinite(value) and value <= 1e-4 for value in result.logprobs)
    assert all(count >= 1 for count in result.tokens)
    assert sum(result.probabilities()) == pytest.approx(1)


async def refuses_what_it_lacks(model: Model) -> None:
    """Every undeclared capability is refused before any call, by an error that names an alternative."""
    from PIL import Image as Pillow

    picture = Image.of_pixels(Pillow.new("RGB", (8, 8), "red"))
    requests = {
        "images": Request((Message.user("What is it?", picture),)),
        "tools": Request(tuple(prompt()), tools=(TOOL,)),
        "attention": Request(tuple(prompt()), edits=(Boost("instruction", 2.0),)),
    }
    names = {field.name for field in fields(Capabilities)}
    for name, request in requests.items():
        assert name in names
        if not getattr(model.capabilities, name):
            with pytest.raises(UnsupportedCapability) as caught:
                await model.call(request)
            assert caught.value.mend
            with pytest.raises(UnsupportedCapability):
                async for _ in model.call_stream(request):
                    pass


CHECKS: list[Callable[[Model], Awaitable[None]]] = [
    declares,
    generates,
    streams_what_it_replies,
    a_stream_can_be_left,
    answers_several,
    follows_a_schema,
    gives_logprobs,
    scores,
    refuses_what_it_lacks,
]
