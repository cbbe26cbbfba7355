"""Retry: a call that failed and may be repeated is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..errors import ToolError
from .base import Tool, ToolWrapper
from .context import ToolContext


class Retried(ToolWrapper):
    """Tries a call up to ``times`` more, ``wait`` seconds apart (doubled each time).

    Only tools that read or are replayable: an effect that failed may have happened half.
    """

    def __init__(self, inner: Tool, times: int, wait: float = 0.0) -> None:
        super().__init__(inner)
        self._times, self._wait = times, wait

    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        for attempt in range(self._times if self.effect in ("read", "replayable") else 0):
            try:
                return await self.inner.call(arguments, context)
            except ToolError:
                await asyncio.sleep(self._wait * 2**attempt)
        return await self.inner.call(arguments, context)
