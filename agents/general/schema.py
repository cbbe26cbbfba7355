"""Decisions by a JSON object that follows a schema, for models that can't call tools themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentkit.content import Message, Text, ToolCall
from agentkit.models import Model, Sampling, ToolSpec

from .decision import ANSWER, ASK, Choices, Decision

SAMPLING = Sampling(max_tokens=1024)
SHORT = 160


class SchemaDialect:
    """One object a turn: ``{"tool", "arguments"}``, ``{"answer"}`` or ``{"ask"}``."""

    # Small models are asked so, and go on as they began.
    patience = 2

    def brief(self, instructions: str, choices: Choices) -> str:
        lines = [instructions] if instructions else []
        lines.append("Do the user's task. Reply with one JSON object a turn, one of:")
        lines += [f"{_example(tool)} - {_first_line(tool.description)}" for tool in choices.tools]
        if choices.may_ask:
            lines.append('{"ask": "..."} - ask the user for what is missing, when no tool can find it out')
        shape = '"..."' if choices.output is None else "{...}"
        lines.append(f'{{"answer": {shape}}} - the final answer, when you have what you need')
        return "\n".join(lines)

    async def decide(self, model: Model, history: list[Message], choices: Choices) -> Decision:
        reply = await model.generate(
            [_as_text(message) for message in history], schema=decision_schema(choices), sampling=SAMPLING
        )
        # The length of the history makes an id that is new and the same in a replay.
        return read_decision(reply.data, f"turn-{len(history)}", choices)


def decision_schema(choices: Choices) -> dict[str, Any]:
    """Return the schema of one decision."""
    definitions: dict[str, Any] = {}
    options = [
        _object(tool={"const": tool.name}, arguments=_hoisted(tool.parameters, tool.name, definitions))
        for tool in (() if choices.insist else choices.tools)
    ]
    # A model that has to be held to an answer does not end it by itself either.
    output = {"type": "string", "minLength": 1, **({"maxLength": SHORT} if choices.insist else {})}
    if choices.output is not None:
        output = _hoisted(choices.output.schema, ANSWER, definitions)
    options.append(_object(answer=output))
    if choices.may_ask and not choices.insist:
        options.append(_object(ask={"type": "string", "minLength": 1}))
    return {"anyOf": options, **({"$defs": definitions} if definitions else {})}


def read_decision(data: Mapping[str, Any], call_id: str, choices: Choices) -> Decision:
    """Return the decision that an object of ``decision_schema`` says."""
    if "tool" in data:
        return Decision((ToolCall(call_id, data["tool"], dict(data["arguments"])),))
    if "ask" in data:
        return Decision((ToolCall(call_id, ASK, {"question": data["ask"]}),))
    if choices.output is None:
        return Decision(answer=str(data["answer"]))
    return Decision((ToolCall(call_id, ANSWER, choices.output.wrap(data["answer"])),))


def _as_text(message: Message) -> Message:
    """Return a message without tool calls and tool roles: what a plain chat template can show."""
    if message.role == "tool":
        return Message("user", (Text("Outcome:", "observation"), *message.parts))
    if message.role != "assistant":
        return message
    spoken = [_spoken(call) for call in message.tool_calls] or [{"answer": message.text}]
    text = "\n".join(json.dumps(item, ensure_ascii=False) for item in spoken)
    return replace(message, parts=(Text(text, "reply"),), tool_calls=())


def _spoken(call: ToolCall) -> dict[str, Any]:
    if call.name == ASK:
        return {"ask": call.arguments.get("question", "")}
    if call.name == ANSWER:
        return {"answer": call.arguments.get("value", call.arguments)}
    return {"tool": call.name, "arguments": call.arguments}


def _object(**properties: Any) -> dict[str, Any]:
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _hoisted(schema: Mapping[str, Any], owner: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Move a schema's ``$defs`` to the common ones, under names that no other tool uses."""

    def moved(node: Any) -> Any:
        if isinstance(node, list):
            return [moved(item) for item in node]
        if not isinstance(node, Mapping):
            return node
        found = {key: moved(value) for key, value in node.items() if key != "$defs"}
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            found["$ref"] = f"#/$defs/{owner}.{reference.removeprefix('#/$defs/')}"
        return found

    for name, definition in schema.get("$defs", {}).items():
        definitions[f"{owner}.{name}"] = moved(definition)
    return moved(schema)


def _example(tool: ToolSpec) -> str:
    shown = {name: f"<{_kind(schema)}>" for name, schema in tool.parameters.get("properties", {}).items()}
    return json.dumps({"tool": tool.name, "arguments": shown}, ensure_ascii=False)


def _kind(schema: Mapping[str, Any]) -> str:
    if "description" in schema:
        return str(schema["description"]).rstrip(".")
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    return str(schema.get("type", "value"))


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
