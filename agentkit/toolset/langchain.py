"""LangChain tools as tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ToolError
from ..models.base import ToolSpec
from .base import EffectKind, Tool
from .context import ToolContext
from .function import explain
from .signature import plain_schema

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


class LangChainTool(Tool):
    """A LangChain tool. What it raises as ``ToolException`` is shown to the model."""

    def __init__(self, inner: BaseTool, effect: EffectKind) -> None:
        schema = inner.tool_call_schema
        parameters = schema if isinstance(schema, dict) else plain_schema(schema)  # type: ignore[arg-type]
        # The description is also at the top of the schema; once is enough.
        given = {key: value for key, value in parameters.items() if key != "description"}
        self.inner, self.effect = inner, effect
        self.spec = ToolSpec(inner.name, inner.description, given)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        from langchain_core.tools import ToolException
        from pydantic import ValidationError

        try:
            return await self.inner.ainvoke(dict(arguments))
        except ToolException as error:
            raise ToolError(f"{self.name}: {error}") from error
        except ValidationError as error:
            raise ToolError(f"arguments of {self.name}: {explain(error)}") from error


def from_langchain(tool: BaseTool, *, effect: EffectKind = "once") -> LangChainTool:
    """Return a LangChain tool as a tool. LangChain does not say what a tool does to the world: ``effect`` does."""
    return LangChainTool(tool, effect)
