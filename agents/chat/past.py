"""What was said before: read from the memory, kept by the run, shown to a model within its context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.content import Image, Message, Picture, Text
from agentkit.runtime.run import Run

from ...memory.conversations import Conversations
from ...memory.entry import Trust
from ..general.history import load_history
from .ledger import Ledger


def put_pictures(memory: Conversations, messages: Sequence[Mapping[str, Any]], run: Run) -> None:
    """Give a run the pictures of a conversation's dumped messages."""
    for digest in pictures_in(messages):
        run.put_image(memory.picture(digest))


def turns_in(messages: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return dumped messages turn by turn: each begins with what the user says."""
    turns: list[list[Mapping[str, Any]]] = []
    for message in messages:
        if message["role"] == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def replied(messages: Sequence[Mapping[str, Any]]) -> tuple[str, Trust]:
    """Return what was replied in a turn, and whether it can be trusted."""
    parts = [part for message in messages if message["role"] != "user" for part in message["parts"]]
    texts = [part for part in parts if "text" in part]
    trusted = all(part.get("trust", "trusted") == "trusted" for part in texts)
    return "\n".join(part["text"] for part in texts), "trusted" if trusted else "untrusted"


def pictures_in(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the digests of the pictures in dumped messages, each once, in order."""
    found = [part["image"] for message in messages for part in message["parts"] if "image" in part]
    return list(dict.fromkeys(found))


def shown(run: Run, messages: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return earlier messages for a prompt, their pictures named in words.

    A turn about one of them goes to the eyes; showing all of them on every turn would cost more than the talk.
    """
    return load_history(run, messages, sees=False)


def said(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the user's own words, a text for each message of theirs; nothing that is marked untrusted."""
    return [_words(message) for message in messages if message["role"] == "user"]


def ledger(state: Mapping[str, Any]) -> Ledger:
    """Return the standing instructions in this turn."""
    return Ledger.of([*state.get("said", []), said_in(state)])


def last_said(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what the user said last, None when nothing was said yet."""
    return next((text for text in reversed(said(messages)) if text), None)


def said_in(state: Mapping[str, Any]) -> str:
    """Return what the user says in this turn: the message, and what was answered when it was unclear."""
    return "\n".join(text for text in (state.get("task", ""), state.get("clarified", "")) if text)


def question(text: str, images: Sequence[Image], clarified: str | None = None) -> Message:
    """Return the user's turn; ``clarified`` is what was said when it was unclear."""
    more = [Text(clarified, "query")] if clarified else []
    return Message.user(Text(text, "query"), *more, *(Picture(image) for image in images))


def reply(text: str, *, trusted: bool) -> Message:
    """Return what the turn came to. What was read from a page stays untrusted when it is said again."""
    return Message.assistant(Text(text, "reply", "trusted" if trusted else "untrusted"))


def _words(message: Mapping[str, Any]) -> str:
    return "\n".join(
        part["text"]
        for part in message["parts"]
        if part.get("trust", "trusted") == "trusted" and "text" in part
    )
