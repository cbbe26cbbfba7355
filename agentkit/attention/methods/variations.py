"""Other versions of a prompt for ensembles: other pictures, parts left out, and the edits that still apply."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from ...content import Image, Message, Picture, Text
from ...content.message import Label, Trust
from ..edits import Edit
from ..regions import Region

T = TypeVar("T")
NAMES = frozenset((*get_args(Label), *get_args(Trust)))


def repictured(messages: Sequence[Message], others: Mapping[Image, Image]) -> tuple[Message, ...]:
    """Return messages with other pictures in place of some."""
    return tuple(_map_parts(message, others) for message in messages)


def redirected(value: T, others: Mapping[Image, Image]) -> T:
    """Return an edit (or a tuple of them) that speaks of other pictures, as ``repictured`` shows them."""
    found: Any = value
    if isinstance(value, Image):
        found = others.get(value, value)
    elif isinstance(value, tuple):
        found = tuple(redirected(item, others) for item in value)
    elif isinstance(value, (Edit, Region)) and dataclasses.is_dataclass(value):
        changed = {field.name: redirected(getattr(value, field.name), others) for field in _fields(value)}
        found = dataclasses.replace(value, **changed)
    return found


def without(
    messages: Sequence[Message], *, pictures: bool = False, words: bool = False
) -> tuple[Message, ...]:
    """Return messages without their pictures, or without the words of users and tools.

    The turns stay, also empty ones; what a system or an assistant says stays.
    """
    result = []
    for message in messages:
        parts = [part for part in message.parts if not (pictures and isinstance(part, Picture))]
        if words and message.role in ("user", "tool"):
            parts = [part for part in parts if not isinstance(part, Text)]
        label = message.parts[-1].label if message.parts else "query"
        result.append(dataclasses.replace(message, parts=tuple(parts) or (Text("", label),)))
    return tuple(result)


def applicable(edits: Sequence[Edit], messages: Sequence[Message]) -> tuple[Edit, ...]:
    """Return the edits all of whose labels, marks and pictures are in the messages."""
    parts = [part for message in messages for part in message.parts]
    shown = [part for part in parts if isinstance(part, Picture) or part.text.strip()]
    there = {part.image for part in parts if isinstance(part, Picture)}
    there |= {name for part in shown for name in (part.label, part.trust)}
    return tuple(edit for edit in edits if set(_named(edit)) <= there)


def _named(value: Any) -> Iterator[Image | str]:
    """Yield the labels, marks and pictures that an edit names."""
    if isinstance(value, Image) or (isinstance(value, str) and value in NAMES):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _named(item)
    elif isinstance(value, Region):
        yield value.image
    elif isinstance(value, Edit):
        for field in _fields(value):
            yield from _named(getattr(value, field.name))


def _fields(value: Any) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(field for field in dataclasses.fields(value) if field.init)


def _map_parts(message: Message, others: Mapping[Image, Image]) -> Message:
    parts = tuple(
        dataclasses.replace(part, image=others.get(part.image, part.image))
        if isinstance(part, Picture)
        else part
        for part in message.parts
    )
    return dataclasses.replace(message, parts=parts)
