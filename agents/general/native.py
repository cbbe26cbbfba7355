"""Decisions by native tool calls."""

from __future__ import annotations

from agentkit.content import Message
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
        return Decision(answer=reply.text.strip())

    def _specs(self, choices: Choices) -> list[ToolSpec]:
        specs = list(choices.tools)
        if choices.may_ask:
            specs.append(ASK_SPEC)
        if choices.output is not None:
            specs.append(ToolSpec(ANSWER, "Give the final answer.", choices.output.parameters))
        return specs
