"""From a typed function to a checked schema of its arguments."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)

from ..content import Image
from ..errors import ToolError, UsageError
from .context import ToolContext

ONE_PICTURE = {"type": "string", "description": "Id of a picture."}


def _to_picture(value: Any, info: ValidationInfo) -> Image:
    if isinstance(value, Image):
        return value
    if not isinstance(value, str):
        raise ValueError("a picture is named by its id")
    context = (info.context or {}).get("tool")
    try:
        return (context or ToolContext()).picture(value)
    except ToolError as error:
        raise ValueError(str(error)) from error


# A picture in a tool's arguments: the model gives its id, the function gets the Image.
PictureArgument = Annotated[Image, PlainValidator(_to_picture), WithJsonSchema(ONE_PICTURE)]


class ArgumentsBase(BaseModel):
    """What every arguments model is: unknown names are errors, so that a model learns of its typing mistakes."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def arguments_of(
    function: Callable[..., Any], descriptions: Mapping[str, str]
) -> tuple[type[ArgumentsBase], str | None]:
    """Return the model of a function's arguments, and the name of its ``ToolContext`` parameter if it has one.

    Raises ``UsageError`` for a parameter without a type, or that can't be given by name.
    """
    name = getattr(function, "__name__", "tool")
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError as error:
        raise UsageError(f"tool {name}: {error}", mend="its types must be importable names") from error
    fields: dict[str, Any] = {}
    injected = None
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UsageError(f"tool {name}: {parameter} can't be given by name")
        if parameter.annotation is parameter.empty:
            raise UsageError(f"tool {name}: {parameter.name} has no type")
        if _is_context(parameter.annotation):
            injected = parameter.name
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        about = descriptions.get(parameter.name) or None
        field = Field(default, description=about) if about else Field(default)
        fields[parameter.name] = (_with_pictures(parameter.annotation), field)
    return create_model(f"{name}_arguments", __base__=ArgumentsBase, **fields), injected


def plain_schema(kind: type[BaseModel] | TypeAdapter[Any]) -> dict[str, Any]:
    """Return a type's JSON Schema without the titles that only cost tokens."""
    schema = kind.json_schema() if isinstance(kind, TypeAdapter) else kind.model_json_schema()
    return _without_titles(schema)


def _is_context(annotation: Any) -> bool:
    members = typing.get_args(annotation) or (annotation,)
    return ToolContext in members


def _with_pictures(annotation: Any) -> Any:
    """Replace ``Image`` inside an annotation by the argument type that takes an id."""
    if annotation is Image:
        return PictureArgument
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if not inner or origin in (typing.Literal, Annotated):
        return annotation
    replaced = tuple(_with_pictures(item) for item in inner)
    if replaced == inner:
        return annotation
    if origin in (typing.Union, types.UnionType):
        return typing.Union[replaced]  # noqa: UP007 - built from a tuple
    return origin[replaced]  # pyright: ignore[reportOptionalSubscript]


def _without_titles(schema: Any, *, names: bool = False) -> Any:
    """Drop the ``title`` of every schema; inside ``properties`` the keys are names, and stay."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value, names=not names and key in ("properties", "$defs"))
        for key, value in schema.items()
        if names or key != "title" or not isinstance(value, str)
    }
