"""``@tool``: a typed, documented function becomes a tool."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, overload

from pydantic import ValidationError

from ..errors import MissingExtra, ToolError, UnsupportedCapability, UsageError
from ..models.base import ToolSpec
from .base import EffectKind, Tool
from .context import ToolContext
from .docstring import read_docstring
from .signature import ArgumentsBase, arguments_of, plain_schema

Function = Callable[..., Any]


class FunctionTool(Tool):
    """A function as a tool. It can still be called as the function that it is."""

    def __init__(self, function: Function, *, name: str | None = None, effect: EffectKind = "once") -> None:
        given = name or getattr(function, "__name__", "")
        description, arguments = read_docstring(inspect.getdoc(function) or "")
        if not description:
            raise UsageError(f"tool {given} has no docstring", mend="say in it what the tool does")
        self.function = function
        self.effect = effect
        self.arguments, self._injected = arguments_of(function, arguments)
        self.spec = ToolSpec(given, description, plain_schema(self.arguments))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def reference(self) -> str | None:
        module, name = self.function.__module__, self.function.__qualname__
        found = getattr(sys.modules.get(module), name, None)
        return f"{module}:{name}" if found in (self, self.function) and module != "__main__" else None

    def check(self, arguments: Mapping[str, Any], context: ToolContext) -> None:
        self._read(arguments, context)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        context = context or ToolContext()
        read = self._read(arguments, context)
        given = {key: getattr(read, key) for key in type(read).model_fields}
        if self._injected is not None:
            given[self._injected] = context
        try:
            if inspect.iscoroutinefunction(self.function):
                return await self.function(**given)
            # A blocking function must not hold up the events and timers of the run.
            outcome = await asyncio.to_thread(self.function, **given)
            return await outcome if inspect.isawaitable(outcome) else outcome
        except (MissingExtra, UnsupportedCapability):
            raise
        except UsageError as error:
            # The arguments are the model's, so the model is the one who can mend them.
            raise ToolError(str(error)) from error

    def _read(self, arguments: Mapping[str, Any], context: ToolContext) -> ArgumentsBase:
        try:
            return self.arguments.model_validate(dict(arguments), context={"tool": context})
        except ValidationError as error:
            raise ToolError(f"arguments of {self.name}: {explain(error)}") from error


@overload
def tool(function: Function, /) -> FunctionTool: ...
@overload
def tool(
    *, name: str | None = None, read: bool = False, effect: EffectKind = "once"
) -> Callable[[Function], FunctionTool]: ...
def tool(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    read: bool = False,
    effect: EffectKind = "once",
) -> FunctionTool | Callable[[Function], FunctionTool]:
    """Make a tool of a typed, documented function, sync or async.

    The name, the description and the JSON Schema of the arguments come from the signature and the docstring
    (Google, NumPy or Sphinx style). ``read=True`` says that it changes nothing in the world; else ``effect``
    says what it does (see ``Tool``). A parameter annotated ``Image`` takes a picture's id from the model; one
    annotated ``ToolContext`` is filled in by the run. Raise ``ToolError`` for what the model should see.
    """
    if function is not None:
        return FunctionTool(function)
    return lambda made: FunctionTool(made, name=name, effect="read" if read else effect)


def explain(error: ValidationError) -> str:
    """Return what is wrong with data in one line, for a model or a person."""
    problems = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"]) or "all of it"
        problems.append(f"{place}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(problems)
