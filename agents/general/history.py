"""The conversation of a run: kept as plain data, loaded with its pictures, cut to a model's context."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from agentkit.content import Image, Message, Part, Picture, Text, load
from agentkit.runtime.run import Run
from agentkit.toolset.context import picture_name

# Rough on purpose, and on the safe side: an exact count would need the tokenizer of a model that may be remote.
CHARACTERS_A_TOKEN = 3
TOKENS_A_PICTURE = 800
CUT = "\n[... cut ...]\n"


class RunPictures(Mapping[str, Image]):
    """The pictures of a run by digest, read when they are asked for."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getitem__(self, digest: str) -> Image:
        return self._run.get_image(digest)

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in (self._run.folder.path / "images").iterdir())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def load_history(run: Run, data: Sequence[Mapping[str, Any]], *, sees: bool) -> list[Message]:
    """Return dumped messages; for a model that can't see, each picture is its name in words."""
    messages = load(data, RunPictures(run))
    return messages if sees else [blind(message) for message in messages]


def blind(message: Message) -> Message:
    """Return a message with its pictures named instead of shown."""
    return replace(message, parts=tuple(_named(part) for part in message.parts))


def picture_text(image: Image) -> str:
    """Return what a picture is in words: the name under which tools take it, and its size in pixels."""
    box = list(image.box) if image.parent is not None else None
    width, height = image.size
    return f"picture {picture_name(image.origin.sha256, box)} ({width}x{height})"


def fit(messages: Sequence[Message], tokens: int | None) -> list[Message]:
    """Return the messages that fit into ``tokens``: the head (system and task), and the newest turns.

    A turn is an assistant's message with the outcomes of its calls; it stays or goes as a whole. What still is too
    long is cut in the middle of its longest texts. None is no limit.
    """
    if tokens is None or _size(messages) <= tokens:
        return list(messages)
    head, turns = _split(messages)
    kept: list[list[Message]] = []
    room = tokens - _size(head)
    for turn in reversed(turns):
        if kept and _size(turn) > room:
            break
        kept.insert(0, turn)
        room -= _size(turn)
    whole = [*head, *(message for turn in kept for message in turn)]
    over = _size(whole) - tokens
    return whole if over <= 0 else _shorten(whole, over * CHARACTERS_A_TOKEN)


def repeated(history: Sequence[Mapping[str, Any]]) -> int:
    """Return how many turns at the end of a history are alike: the same calls with the same outcomes."""
    turns: list[list[Any]] = []
    for message in history:
        if message["role"] == "assistant":
            made = [(call["name"], call["arguments"]) for call in message.get("tool_calls", ())]
            turns.append([made])
        elif turns:
            turns[-1].append(message["parts"])
    if not turns or not turns[-1][0]:
        return 0
    return sum(1 for _ in takewhile(lambda turn: turn == turns[-1], reversed(turns)))


def _split(messages: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    start = 0
    while start < len(messages) and messages[start].role == "system":
        start += 1
    # The first user message is the task.
    head = list(messages[: start + 1])
    turns: list[list[Message]] = []
    for message in messages[start + 1 :]:
        if message.role == "tool" and turns:
            turns[-1].append(message)
        else:
            turns.append([message])
    return head, turns


def _shorten(messages: list[Message], characters: int) -> list[Message]:
    """Cut the longest texts until that many characters are gone."""
    result = list(messages)
    while characters > 0:
        places = [
            (len(part.text), i, j)
            for i, message in enumerate(result)
            for j, part in enumerate(message.parts)
            if isinstance(part, Text)
        ]
        length, i, j = max(places, default=(0, 0, 0))
        if length <= 4 * len(CUT):
            break
        part = result[i].parts[j]
        assert isinstance(part, Text)
        keep = max(length - characters - len(CUT), length // 2 - len(CUT))
        text = part.text[: (keep + 1) // 2] + CUT + part.text[length - keep // 2 :]
        parts = (*result[i].parts[:j], replace(part, text=text), *result[i].parts[j + 1 :])
        result[i] = replace(result[i], parts=parts)
        characters -= length - len(text)
    return result


def _size(messages: Sequence[Message]) -> int:
    return sum(_tokens(part) for message in messages for part in message.parts) + sum(
        len(str(call.arguments)) // CHARACTERS_A_TOKEN + 8
        for message in messages
        for call in message.tool_calls
    )


def _tokens(part: Part) -> int:
    if isinstance(part, Picture):
        return TOKENS_A_PICTURE
    return len(part.text) // CHARACTERS_A_TOKEN + 4


def _named(part: Part) -> Part:
    if isinstance(part, Text):
        return part
    return Text(f"[{picture_text(part.image)}]", part.label, part.trust)
