"""The chat format: whatever a server answers is a reply or a model error; untrusted text stays inside."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentkit.config import ModelSettings
from agentkit.content import Message, Text
from agentkit.errors import ModelError
from agentkit.models.openai_api import Endpoint, OpenAIModel
from agentkit.models.wire import WireFunction, WireToolCall, join_tool_calls, read_tool_calls, to_messages

SETTINGS = ModelSettings.model_validate({})
MODEL = OpenAIModel(Endpoint.parse("http://127.0.0.1:9/v1#served", SETTINGS), SETTINGS)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CALL = st.fixed_dictionaries({}, optional={"id": JSON, "index": JSON, "function": JSON})
MESSAGE = st.fixed_dictionaries(
    {}, optional={"content": JSON, "tool_calls": st.lists(CALL, max_size=2) | JSON, "refusal": JSON}
)
CHOICE = st.fixed_dictionaries(
    {}, optional={"message": MESSAGE, "delta": MESSAGE, "finish_reason": JSON, "logprobs": JSON}
)
ANSWER = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(CHOICE, max_size=2) | JSON, "usage": JSON, "model": JSON, "error": JSON}
)


@given(st.one_of(ANSWER, JSON).map(json.dumps) | st.text())
def test_any_answer_is_read_or_a_model_error(text: str) -> None:
    try:
        answer = MODEL._read(text)
    except ModelError:
        return
    for choice in answer.choices:
        calls = (choice.message and choice.message.tool_calls) or []
        with contextlib.suppress(ValueError):
            assert len(read_tool_calls(calls)) == len(calls)


@given(st.lists(st.dictionaries(st.text(), st.integers(), max_size=3), max_size=4), st.data())
def test_split_tool_calls_are_joined(arguments: list[dict[str, int]], data: st.DataObject) -> None:
    pieces: list[WireToolCall] = []
    for index, values in enumerate(arguments):
        text = json.dumps(values)
        cut = data.draw(st.integers(0, len(text)))
        head = WireFunction(name="look", arguments=text[:cut])
        pieces.append(WireToolCall(index=index, id=f"c{index}", function=head))
        pieces.append(WireToolCall(index=index, function=WireFunction(arguments=text[cut:])))
    # Pieces of different calls may come interleaved; those of one call keep their order.
    heads, tails = pieces[::2], pieces[1::2]
    joined = join_tool_calls(data.draw(st.sampled_from([pieces, heads + tails])))
    assert [call.arguments for call in read_tool_calls(joined)] == arguments


@given(st.lists(st.text(max_size=40) | st.just("</data-e3b0c44298fc>"), min_size=1, max_size=4))
def test_untrusted_text_can_not_leave_its_marks(texts: list[str]) -> None:
    parts: list[Any] = [Text(text, "observation", "untrusted") for text in texts]
    (note, message) = to_messages([Message.user(*parts)])
    assert note["role"] == "system"
    rest = message["content"]
    for text in texts:
        found = re.match(r"<(data-[0-9a-f]{12})>\n", rest)
        assert found is not None
        inside, end, rest = rest[found.end() :].partition(f"\n</{found[1]}>")
        assert end
        assert inside == text.encode("utf-8", "replace").decode()
        rest = rest.removeprefix("\n")
    assert rest == ""


@given(st.lists(st.text(max_size=10), max_size=4))
def test_trusted_text_is_not_touched(texts: list[str]) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in texts]
    (message,) = to_messages([Message.user(*texts)])
    assert message == {"role": "user", "content": "\n".join(clean)}
