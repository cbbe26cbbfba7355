"""Decisions by native tool calls."""

from __future__ import annotations

import json
from collections.abc import Sequence

from agentkit.content import Message, ToolCall
from agentkit.models import Model, Sampling, ToolSpec

from .decision import ANSWER, ASK_SPEC, Choices, Decision

SAMPLING = Sampling(max_tokens=1024)


class NativeDialect:
    """For models that call tools themselves. A typed answer is a call, too: of the tool ``answer``."""

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
        text = reply.text.strip()
        written = read_written_call(text, f"turn-{len(history)}", self._specs(choices))
        return Decision((written,)) if written else Decision(answer=text)

    def _specs(self, choices: Choices) -> list[ToolSpec]:
        specs = list(choices.tools)
        if choices.may_ask:
            specs.append(ASK_SPEC)
        if choices.output is not None:
            specs.append(ToolSpec(ANSWER, "Give the final answer.", choices.output.parameters))
        return specs


def read_written_call(text: str, call_id: str, specs: Sequence[ToolSpec]) -> ToolCall | None:
    """Return the call that a reply is, None when it is anything else.

    Servers of small models often leave a call in the text: ``{"name", "arguments"}``, bare, fenced, or in the
    tags of the Qwen and Hermes templates. Only a reply that is nothing else counts.
    """
    inner = text.removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    inner = inner.removeprefix("```json").strip("`").strip()
    if not inner.startswith("{"):
        return None
    try:
        data = json.loads(inner)
    except ValueError:
        return None
    known = [spec.name for spec in specs]
    if set(data) != {"name", "arguments"} or data["name"] not in known:
        return None
    if not isinstance(data["arguments"], dict):
        return None
    return ToolCall(call_id, data["name"], data["arguments"])
