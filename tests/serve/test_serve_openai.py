"""The endpoint like OpenAI's, through OpenAI's own client."""

from __future__ import annotations

import base64

import openai
import pytest

from agentkit.memory import Conversations
from agentkit.models import load_model

from .conftest import Served
from .test_serve_api import png


def client(server: Served, key: str = "none") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)


async def test_another_front_end_talks_to_the_agent(server: Served):
    ours = client(server)
    assert [model.id async for model in await ours.models.list()] == ["agentkit"]
    answer = await ours.chat.completions.create(
        model="agentkit",
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "I am Ada."},
            {"role": "assistant", "content": "Hello Ada."},
            {"role": "user", "content": "Who am I?"},
        ],
    )
    assert answer.choices[0].message.content == "Hello from the model."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    texts = [message.text for message in server.model.prompts[-1].messages]
    assert texts == ["Be brief.", "I am Ada.", "Hello Ada.", "Who am I?"]
    assert Conversations(server.folder / "memory").list() == []


async def test_it_streams(server: Served):
    stream = await client(server).chat.completions.create(
        model="agentkit", messages=[{"role": "user", "content": "Hi."}], stream=True
    )
    chunks = [chunk async for chunk in stream]
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(pieces) == "Hello from the model."
    assert len([piece for piece in pieces if piece]) > 1
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].model_extra is not None
    assert chunks[-1].model_extra["agentkit"]["route"] == "answer"


async def test_a_question_is_the_answer(server: Served):
    answer = await client(server).chat.completions.create(
        model="agentkit", messages=[{"role": "user", "content": "Order it on the web."}]
    )
    assert answer.choices[0].message.content == "Which web page should I open?"


async def test_pictures_come_as_data(server: Served):
    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    messages = [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "x"}],
        },
        {"role": "assistant", "content": "A picture."},
        {"role": "user", "content": "Thanks."},
    ]
    answer = await client(server).chat.completions.create(model="agentkit", messages=messages)  # type: ignore[arg-type]
    assert answer.choices[0].message.content == "Hello from the model."


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"model": "gpt-5"}, "no model"),
        ({"n": 2}, "n must be 1"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "last message"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, "takes none"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}],
                    }
                ]
            },
            "data: address",
        ),
    ],
)
async def test_what_is_not_taken_is_said(server: Served, more, says):
    request = {"model": "agentkit", "messages": [{"role": "user", "content": "Hi."}], **more}
    with pytest.raises(openai.BadRequestError, match=says):
        await client(server).chat.completions.create(**request)


async def test_it_needs_the_token_too(tmp_path, serving):
    server = await serving(tmp_path, tokens={"a-long-secret": "owner"})
    with pytest.raises(openai.AuthenticationError):
        await client(server).models.list()
    assert await client(server, "a-long-secret").models.list()


async def test_agentkit_itself_can_use_it_as_a_model(server: Served):
    from agentkit.content import Message

    model = load_model(f"{server.url}/v1#agentkit")
    reply = await model.generate([Message.user("Hi.")])
    assert reply.text == "Hello from the model."
    await model.aclose()
