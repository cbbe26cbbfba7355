"""Cache: a read with the same arguments is made once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .base import Tool, ToolWrapper
from .context import ToolContext


class Cached(ToolWrapper):
    """Keeps the outcomes of a tool that only reads; any other tool is passed through. Errors are not kept."""

    def __init__(self, inner: Tool) -> None:
        super().__init__(inner)
        self._known: dict[str, Any] = {}

    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        if self.effect != "read":
            return await self.inner.call(arguments, context)
        key = json.dumps(dict(arguments), sort_keys=True, default=str)
        if key not in self._known:
            self._known[key] = await self.inner.call(arguments, context)
        return self._known[key]
