"""``script:`` models and the contract of their lines."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.attention import Boost
from agentkit.content import Message
from agentkit.contracts.script import ScriptLine
from agentkit.errors import ModelError, UsageError
from agentkit.models.registry import load_model
from agentkit.models.script import ScriptModel

ASK = [Message.user("Go on.")]


def script(folder: Path, *lines: object) -> ScriptModel:
    file = folder / "script.jsonl"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    model = load_model(f"script:{file}")
    assert isinstance(model, ScriptModel)
    return model


async def test_gives_its_lines_in_order(tmp_path: Path) -> None:
    model = script(
        tmp_path,
        {"text": "one"},
        "",
        {"tool_calls": [{"name": "look", "arguments": {"at": 1}}, {"name": "stop"}]},
        {"scores": [-1, -2]},
        {"error": "the server is on fire"},
        {"text": "five"},
    )
    assert (await model.generate(ASK, edits=[Boost("instruction")])).text == "one"
    reply = await model.generate(ASK)
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("look", {"at": 1}), ("stop", {})]
    assert reply.finish == "tool"
    assert len({call.id for call in reply.tool_calls}) == 2
    assert (await model.score(ASK, ["a", "b"])).logprobs == (-1, -2)
    with pytest.raises(ModelError, match=r"script.jsonl:5: the server is on fire"):
        await model.generate(ASK)
    assert (await model.generate(ASK)).text == "five"
    assert model.left == 0
    with pytest.raises(ModelError, match=r"run out.*line 6"):
        await model.generate(ASK)


async def test_an_empty_script_runs_out_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run out"):
        await script(tmp_path).generate(ASK)


async def test_wrong_kinds_and_counts_are_model_errors(tmp_path: Path) -> None:
    model = script(tmp_path, {"scores": [-1]}, {"text": "x"}, {"scores": [-1]}, {"text": "not json"})
    with pytest.raises(ModelError, match=":1 holds scores, but a reply"):
        await model.generate(ASK)
    with pytest.raises(ModelError, match=":2 holds a reply, but scores"):
        await model.score(ASK, ["a"])
    with pytest.raises(ModelError, match=":3 holds 1 scores for 2 options"):
        await model.score(ASK, ["a", "b"])
    with pytest.raises(ModelError, match="not JSON"):
        await model.generate(ASK, schema={"type": "object"})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{bad", "is not JSON"),
        ('{"txt": "x"}', "txt"),
        ("{}", "exactly one kind"),
        ('{"text": "x", "error": "y"}', "exactly one kind"),
        ('{"scores": []}', "scores"),
        ('{"tool_calls": [{"arguments": {}}]}', "name"),
        ('{"scores": [1], "logprobs": [["a", 0]]}', "logprobs"),
        ("[]", ""),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=r"script\.jsonl:2") as caught:
        script(tmp_path, {"text": "fine"}, line)
    assert message in str(caught.value)


def test_a_missing_or_binary_script(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no script"):
        load_model(f"script:{tmp_path / 'none.jsonl'}")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="can't be read"):
        load_model(f"script:{tmp_path / 'binary'}")


async def test_tasks_that_ask_at_once_get_one_line_each(tmp_path: Path) -> None:
    model = script(tmp_path, *({"text": str(i)} for i in range(50)))
    replies = await asyncio.gather(*(model.generate(ASK) for _ in range(50)))
    assert sorted(int(reply.text) for reply in replies) == list(range(50))


async def test_given_logprobs_are_used(tmp_path: Path) -> None:
    model = script(tmp_path, {"text": "yes", "logprobs": [["yes", -0.1]]}, {"text": "no"})
    assert (await model.generate(ASK, logprobs=True)).logprobs == (("yes", -0.1),)
    assert (await model.generate(ASK, logprobs=True)).logprobs == (("no", 0.0),)


@given(st.text())
def test_any_text_survives_a_line(text: str) -> None:
    line = ScriptLine(text=text)
    assert ScriptLine.model_validate_json(line.model_dump_json()).text == text
