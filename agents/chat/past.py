"""What was said before: read from the memory, kept by the run, shown to a model within its context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.content import Image, Message, Picture, Text
from agentkit.runtime.run import Run

from ...memory.conversations import Conversations
from ..general.history import load_history


def recall(memory: Conversations, name: str, run: Run, last: int) -> list[dict[str, Any]]:
    """Return the newest messages of a conversation as plain data; their pictures are now the run's, too."""
    messages = [message for turn in memory.turns(name, last) for message in turn.messages]
    for digest in pictures_in(messages):
        run.put_image(memory.picture(digest))
    return messages


def pictures_in(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the digests of the pictures in dumped messages, each once, in order."""
    found = [part["image"] for message in messages for part in message["parts"] if "image" in part]
    return list(dict.fromkeys(found))


def shown(run: Run, messages: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return earlier messages for a prompt, their pictures named in words.

    A turn about one of them goes to the eyes; showing all of them on every turn would cost more than the talk.
    """
    return load_history(run, messages, sees=False)


def question(text: str, images: Sequence[Image]) -> Message:
    """Return the user's turn."""
    return Message.user(Text(text, "query"), *(Picture(image) for image in images))


def reply(text: str, *, trusted: bool) -> Message:
    """Return what the turn came to. What was read from a page stays untrusted when it is said again."""
    return Message.assistant(Text(text, "reply", "trusted" if trusted else "untrusted"))
