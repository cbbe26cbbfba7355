"""Messages and their parts: who speaks, what each part is for, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from .image import Image

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Label: TypeAlias = Literal["system", "instruction", "exemplar", "observation", "query", "reply"]
Trust: TypeAlias = Literal["trusted", "untrusted"]

# What a part is when nobody says: the user's words are the task, a tool's words are what was seen.
DEFAULT_LABELS: Mapping[Role, Label] = {
    "system": "system",
    "user": "instruction",
    "assistant": "reply",
    "tool": "observation",
}


@dataclass(frozen=True)
class Text:
    """A piece of text with its label and trust mark."""

    text: str
    label: Label = "instruction"
    trust: Trust = "trusted"


@dataclass(frozen=True)
class Picture:
    """An image as a part of a message, with its label and trust mark."""

    image: Image
    label: Label = "observation"
    trust: Trust = "trusted"


Part: TypeAlias = Text | Picture


@dataclass(frozen=True)
class ToolCall:
    """A model's request to call a tool. ``arguments`` is parsed JSON."""

    id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """One message: a role and its parts.

    ``tool_calls`` belongs to an assistant message, ``tool_call_id`` to the tool message that answers it.
    ``keep`` says that many prompts begin with all messages up to this one: local models keep what they computed of
    them on disk. It changes no answer, so it is no part of a message as data.
    """

    role: Role
    parts: tuple[Part, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    keep: bool = field(default=False, compare=False)

    @classmethod
    def of(
        cls, role: Role, *content: str | Image | Part, label: Label | None = None, trust: Trust | None = None
    ) -> Message:
        """Return a message of strings, images and parts; strings and images take ``label`` and ``trust``."""
        return cls(role, tuple(_part(role, item, label, trust) for item in content))

    @classmethod
    def system(cls, *content: str | Image | Part) -> Message:
        return cls.of("system", *content)

    @classmethod
    def user(
        cls, *content: str | Image | Part, label: Label | None = None, trust: Trust | None = None
    ) -> Message:
        return cls.of("user", *content, label=label, trust=trust)

    @classmethod
    def assistant(cls, *content: str | Image | Part, tool_calls: Iterable[ToolCall] = ()) -> Message:
        return replace(cls.of("assistant", *content), tool_calls=tuple(tool_calls))

    @classmethod
    def tool(cls, call_id: str, *content: str | Image | Part, trust: Trust = "untrusted") -> Message:
        return replace(cls.of("tool", *content, trust=trust), tool_call_id=call_id)

    @property
    def text(self) -> str:
        """All text of the message, joined by newlines."""
        return "\n".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(part.image for part in self.parts if isinstance(part, Picture))


def images_of(messages: Sequence[Message]) -> list[Image]:
    """Return every image of the messages, in order."""
    return [image for message in messages for image in message.images]


def dump(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages as plain JSON data; images appear by digest (and origin and box for a crop)."""
    return [_dump_message(message) for message in messages]


def load(data: Sequence[Mapping[str, Any]], images: Mapping[str, Image]) -> list[Message]:
    """Return the messages of ``dump``; ``images`` maps digests (of originals) to pictures."""
    return [_load_message(item, images) for item in data]


def _part(role: Role, item: str | Image | Part, label: Label | None, trust: Trust | None) -> Part:
    if isinstance(item, str):
        return Text(item, label or DEFAULT_LABELS[role], trust or "trusted")
    if isinstance(item, Image):
        return Picture(item, label or "observation", trust or "trusted")
    return item


def _dump_message(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = {"role": message.role, "parts": [_dump_part(part) for part in message.parts]}
    if message.tool_calls:
        data["tool_calls"] = [
            {"id": c.id, "name": c.name, "arguments": c.arguments} for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        data["tool_call_id"] = message.tool_call_id
    return data


def _dump_part(part: Part) -> dict[str, Any]:
    marks = {"label": part.label, "trust": part.trust}
    if isinstance(part, Text):
        return {"text": part.text, **marks}
    image: dict[str, Any] = {"image": part.image.origin.sha256, **marks}
    if part.image.parent is not None:
        image["box"] = list(part.image.box)
    return image


def _load_message(data: Mapping[str, Any], images: Mapping[str, Image]) -> Message:
    calls = tuple(ToolCall(c["id"], c["name"], c["arguments"]) for c in data.get("tool_calls", ()))
    parts = tuple(_load_part(part, images) for part in data["parts"])
    return Message(data["role"], parts, calls, data.get("tool_call_id"))


def _load_part(data: Mapping[str, Any], images: Mapping[str, Image]) -> Part:
    from .box import Box

    if "text" in data:
        return Text(data["text"], data["label"], data["trust"])
    image = images[data["image"]]
    return Picture(image.crop(Box(*data["box"])) if "box" in data else image, data["label"], data["trust"])
