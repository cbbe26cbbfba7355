"""A model that writes its actions as a script of a test tells it, under the schema that it is given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentkit.contracts.result import Usage
from agentkit.models import Capabilities, Model, Reply, Request, Scores, VisionCard

# Gets the prompt as text, and returns the action as the schema wants it.
Script = Callable[[str], Mapping[str, Any]]


class Writer(Model):
    """Replies with what a function of the prompt returns. ``prompts`` holds what was shown."""

    reference = "test:writer"
    capabilities = Capabilities(schema=True)
    card = VisionCard()

    def __init__(self, script: Script) -> None:
        self._script = script
        self.prompts: list[str] = []

    async def _generate(self, request: Request) -> Reply:
        shown = "\n".join(message.text for message in request.messages)
        self.prompts.append(shown)
        action = dict(self._script(shown))
        return Reply(json.dumps(action), data=action, usage=Usage(calls=1))

    async def _score(self, requests: Sequence[Request], options: tuple[str, ...]) -> list[Scores]:
        raise NotImplementedError("a writer only writes")


def id_of(prompt: str, words: str) -> str:
    """Return the id of the element that a prompt shows with these words, such as ``button "Send"``."""
    found = re.findall(rf"\[(e\d+)\] {re.escape(words)}", prompt)
    if not found:
        raise AssertionError(f"no {words!r} in {prompt}")
    return found[-1]


def steps(*wanted: tuple[str, ...]) -> Script:
    """Return a script of (action, words of the element, value); after the last it finishes."""
    left = list(wanted)

    def reply(prompt: str) -> Mapping[str, Any]:
        if not left:
            return {"action": "finish", "answer": "done"}
        name, words, *value = left.pop(0)
        given = {"action": name, "element": id_of(prompt, words)}
        return {**given, "value": value[0]} if value else given

    return reply
