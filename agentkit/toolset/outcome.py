"""What a tool gave: as JSON data for the journal, and as parts of a message for the model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ..content import Box, Image, Part, Picture, Text
from ..errors import UsageError
from .context import ToolContext, picture_name


def outcome_data(value: Any, context: ToolContext) -> Any:
    """Return a tool's outcome as JSON data; pictures are kept in the run and named by digest (and box)."""
    if isinstance(value, Image):
        return context.keep(value)
    if isinstance(value, BaseModel):
        return outcome_data({name: getattr(value, name) for name in type(value).model_fields}, context)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return outcome_data({field.name: getattr(value, field.name) for field in fields}, context)
    if isinstance(value, Mapping):
        return {str(key): outcome_data(item, context) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [outcome_data(item, context) for item in value]
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError as error:
        raise UsageError(f"a tool's outcome must be JSON data or pictures: {error}") from error


def outcome_parts(data: Any, context: ToolContext, *, pictures: bool) -> list[Part]:
    """Return a journalled outcome as untrusted parts: its text, then its pictures if the model can see."""
    found: list[dict[str, Any]] = []
    named = _name_pictures(data, found)
    text = named if isinstance(named, str) else json.dumps(named, ensure_ascii=False)
    parts: list[Part] = [Text(text or "(nothing)", "observation", "untrusted")]
    for item in found if pictures else ():
        image = context.picture(item["image"])
        cut = image.crop(Box.of(*item["box"])) if item.get("box") else image
        parts.append(Picture(cut, "observation", "untrusted"))
    return parts


def _name_pictures(data: Any, found: list[dict[str, Any]]) -> Any:
    if isinstance(data, dict):
        if "image" in data and set(data) <= {"image", "box"}:
            found.append(data)
            return f"picture {picture_name(data['image'], data.get('box'))}"
        return {key: _name_pictures(value, found) for key, value in data.items()}
    if isinstance(data, list):
        return [_name_pictures(item, found) for item in data]
    return data
