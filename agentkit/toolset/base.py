"""What a tool is: a name and a schema for the model, a call, and what the call does to the world."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from ..models.base import ToolSpec
from .context import ToolContext

EffectKind: TypeAlias = Literal["read", "replayable", "once", "irreversible", "inner"]
Approval: TypeAlias = Literal["auto", "ask", "deny"]


class Tool(abc.ABC):
    """Something an agent can call.

    ``effect`` says what a call does to the world, and so what happens to it after a crash:
    ``read`` nothing (made again); ``replayable`` the same again when repeated; ``once`` is not repeated without
    asking; ``irreversible`` does harm when repeated, and needs the user's approval by default; ``inner`` is
    another agent, whose own steps are journalled.
    """

    spec: ToolSpec
    effect: EffectKind = "once"

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def reference(self) -> str | None:
        """``module:name`` under which the tool can be imported again, None when it can't."""
        return None

    def check(self, arguments: Mapping[str, Any], context: ToolContext) -> None:  # noqa: B027 - need not check
        """Raise ``ToolError`` when the arguments do not fit; no effect."""

    @abc.abstractmethod
    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        """Do it. Raises ``ToolError`` for what the model should see and react to."""

    def approval(self, arguments: Mapping[str, Any]) -> Approval | None:
        """Return what a policy says about this call, None when no policy was set."""
        return None

    def describe(self, arguments: Mapping[str, Any]) -> str:
        """Return the call in one line, for people."""
        shown = ", ".join(f"{key}={_short(value)}" for key, value in arguments.items())
        return f"{self.name}({shown})"


class ToolWrapper(Tool):
    """A tool around a tool. A policy overrides what it changes and leaves the rest to ``inner``."""

    def __init__(self, inner: Tool) -> None:
        self.inner = inner
        self.spec = inner.spec
        self.effect = inner.effect

    @property
    def reference(self) -> str | None:
        return self.inner.reference

    def check(self, arguments: Mapping[str, Any], context: ToolContext) -> None:
        self.inner.check(arguments, context)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        return await self.inner.call(arguments, context)

    def approval(self, arguments: Mapping[str, Any]) -> Approval | None:
        return self.inner.approval(arguments)


def _short(value: Any, most: int = 120) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else text[: most - 1] + "…"
