"""Typed output: the schema a model is given, and the check of what it gave."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from agentkit.errors import ToolError, UsageError
from agentkit.toolset import explain
from agentkit.toolset.signature import plain_schema

FENCE = "```"


class TypedOutput:
    """A type that the answer must have: a pydantic model, a dataclass, or any other type that pydantic knows."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)
        self.schema = plain_schema(self._adapter)
        # A tool's arguments must be an object; other types go into one.
        self._wrapped = self.schema.get("type") != "object"

    @property
    def parameters(self) -> dict[str, Any]:
        """The schema as the arguments of a tool."""
        if not self._wrapped:
            return self.schema
        inner = {key: value for key, value in self.schema.items() if key != "$defs"}
        outer = {"type": "object", "properties": {"value": inner}, "required": ["value"]}
        return {**outer, **({"$defs": self.schema["$defs"]} if "$defs" in self.schema else {})}

    @property
    def reference(self) -> str | None:
        """``module:name`` under which the type can be imported again, None when it can't."""
        module, name = getattr(self.kind, "__module__", ""), getattr(self.kind, "__qualname__", "")
        found = getattr(sys.modules.get(module), name, None) is self.kind
        return f"{module}:{name}" if found and module != "__main__" else None

    def unwrap(self, arguments: dict[str, Any]) -> Any:
        """Return the output that a call with ``parameters`` holds."""
        return arguments.get("value") if self._wrapped else arguments

    def wrap(self, data: Any) -> dict[str, Any]:
        """Return output as the arguments of a call with ``parameters``."""
        return {"value": data} if self._wrapped else data

    def validate(self, data: Any) -> Any:
        """Return checked output as JSON data. Raises ``ToolError`` that says what is wrong."""
        try:
            return to_jsonable_python(self._adapter.validate_python(data, strict=False))
        except ValidationError as error:
            raise ToolError(f"the answer does not fit: {explain(error)}") from error

    def read(self, text: str) -> Any:
        """Return checked output from words: JSON, also in a fenced block. Raises ``ToolError``."""
        inner = text.strip()
        if inner.startswith(FENCE):
            inner = inner.strip("`").removeprefix("json")
        try:
            data = json.loads(inner)
        except ValueError as error:
            if self._wrapped:
                return self.validate(text.strip())
            raise ToolError(f"the answer must be JSON: {error}") from error
        return self.validate(data)

    def typed(self, data: Any) -> Any:
        """Return JSON data as an instance of the type."""
        return self._adapter.validate_python(data)


def output_of(kind: Any) -> TypedOutput | None:
    """Return the typed output of a type or of its ``module:name``."""
    if kind is None or isinstance(kind, TypedOutput):
        return kind
    if isinstance(kind, str):
        import importlib

        module, _, name = kind.partition(":")
        try:
            kind = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise UsageError(f"the output type {kind} can't be imported: {error}") from error
    return TypedOutput(kind)
