"""Decisions by native tool calls."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agentkit.content import Message, ToolCall
from agentkit.models import Model, Sampling, ToolSpec

from .decision import ANSWER, ASK_SPEC, Choices, Decision

SAMPLING = Sampling(max_tokens=1024)
# What stands around written calls.
MARKS = re.compile(r"(?:\s|</?tool_call>|```(?:json)?)*")


class NativeDialect:
    """For models that call tools themselves. A typed answer is a call, too: of the tool ``answer``."""

    patience = 4

    def brief(self, instructions: str, choices: Choices) -> str:
        rules = ["Do the user's task, with the tools where they help."]
        if choices.may_ask:
            rules.append("Call ask_user only when the task leaves out what you need.")
        if choices.output is not None:
            rules.append("When you are done, call answer.")
        else:
            rules.append("When you are done, answer in words.")
        return "\n".join([*([instructions] if instructions else []), " ".join(rules)])

    async def decide(self, model: Model, history: list[Message], choices: Choices) -> Decision:
        reply = await model.generate(history, tools=self._specs(choices), sampling=SAMPLING)
        if reply.tool_calls:
            return Decision(reply.tool_calls)
        text, cut = reply.text.strip(), reply.finish == "length"
        # A call written by a model that must answer is no answer either.
        known = self._specs(replace(choices, insist=False))
        written = read_written_calls(text, f"turn-{len(history)}", known, cut=cut)
        return Decision(written) if written else Decision(answer=text)

    def _specs(self, choices: Choices) -> list[ToolSpec]:
        specs = [] if choices.insist else list(choices.tools)
        if choices.may_ask and not choices.insist:
            specs.append(ASK_SPEC)
        if choices.output is not None:
            specs.append(ToolSpec(ANSWER, "Give the final answer.", choices.output.parameters))
        return specs


def read_written_calls(
    text: str, call_id: str, specs: Sequence[ToolSpec], *, cut: bool = False
) -> tuple[ToolCall, ...]:
    """Return the calls that a reply is; none when it is anything else.

    Servers of small models often leave calls in the text: ``{"name", "arguments"}``, bare, fenced, or in the
    tags of the Qwen and Hermes templates. Only a reply that is nothing else counts. Of one that ran on until it was
    ``cut`` off, the first call does: what follows builds on outcomes that the model has not seen.
    """
    calls: list[ToolCall] = []
    place = _after_marks(text, 0)
    while place < len(text):
        try:
            data, place = json.JSONDecoder().raw_decode(text, place)
        except (ValueError, RecursionError):
            return tuple(calls[:1]) if cut else ()
        if not _is_call(data, specs):
            return ()
        calls.append(
            ToolCall(f"{call_id}-{len(calls)}" if calls else call_id, data["name"], data["arguments"])
        )
        place = _after_marks(text, place)
    return tuple(calls[:1] if cut else calls)


def _after_marks(text: str, place: int) -> int:
    found = MARKS.match(text, place)
    return found.end() if found else place


def _is_call(data: Any, specs: Sequence[ToolSpec]) -> bool:
    if not isinstance(data, dict) or set(data) != {"name", "arguments"}:
        return False
    return data["name"] in [spec.name for spec in specs] and isinstance(data["arguments"], dict)
