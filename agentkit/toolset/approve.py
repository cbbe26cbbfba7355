"""Approval: a call that needs the user's word is not made without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from ..errors import ToolError
from .base import Approval, Tool, ToolWrapper
from .context import ToolContext

ApprovalPolicy: TypeAlias = Approval | Callable[[Tool, Mapping[str, Any]], Approval | None]


class Approved(ToolWrapper):
    """Lets a call through when the policy says ``auto``, or says ``ask`` and the user allowed this call.

    The policy is a word, or a function of the tool and the arguments; None leaves it to the policy inside.
    """

    def __init__(self, inner: Tool, policy: ApprovalPolicy) -> None:
        super().__init__(inner)
        # The type checker can't tell a word from a function that is also a string.
        word = cast("Approval", policy)
        self._says = policy if callable(policy) else lambda _tool, _arguments: word

    def approval(self, arguments: Mapping[str, Any]) -> Approval | None:
        said = self._says(self.inner, arguments)
        return said if said is not None else self.inner.approval(arguments)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        said = self.approval(arguments)
        if said == "deny":
            raise ToolError(f"{self.name} is not allowed")
        if said == "ask" and not (context is not None and context.approved):
            raise ToolError(f"{self.describe(arguments)} needs the user's approval")
        return await self.inner.call(arguments, context)
