"""A toolset: tools in order, and the policies that are put around them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from ..errors import ToolError, UsageError
from ..models.base import ToolSpec
from .approve import ApprovalPolicy, Approved
from .base import Tool
from .budget import Budgeted, CallBudget
from .cache import Cached
from .function import FunctionTool
from .rename import Renamed
from .retry import Retried

# What can be given as a tool: a tool, a toolset, a function, a LangChain tool, or "module:name" of one of them.
ToolLike: TypeAlias = "Tool | Toolset | Callable[..., Any] | str | Any"


class Toolset(Sequence[Tool]):
    """An ordered collection of tools with different names. Every policy returns a new toolset.

    Policies are wrappers, so their order matters: ``.cache().budget(3)`` counts every call,
    ``.budget(3).cache()`` only those that the cache could not answer.
    Raises ``UsageError`` when two tools have one name.
    """

    def __init__(self, tools: Iterable[ToolLike] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for item in tools:
            for tool in item if isinstance(item, Toolset) else (as_tool(item),):
                if tool.name in self._tools:
                    raise UsageError(f"two tools are called {tool.name!r}", mend="rename or prefix one")
                self._tools[tool.name] = tool

    def __len__(self) -> int:
        return len(self._tools)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __getitem__(self, index: Any) -> Any:
        """Return a tool by its name or its place."""
        if isinstance(index, str):
            return self.get(index)
        found = list(self._tools.values())[index]
        return Toolset(found) if isinstance(index, slice) else found

    def __contains__(self, item: object) -> bool:
        return item in self._tools or item in self._tools.values()

    def __add__(self, other: Iterable[ToolLike]) -> Toolset:
        return Toolset((*self, *other))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self)

    def get(self, name: str) -> Tool:
        """Return a tool. Raises ``ToolError`` that names the tools there are."""
        if name not in self._tools:
            raise ToolError(f"there is no tool {name!r}", mend="one of " + (", ".join(self.names) or "none"))
        return self._tools[name]

    # Policies.

    def map(self, wrap: Callable[[Tool], Tool]) -> Toolset:
        """Put a wrapper around every tool."""
        return Toolset(wrap(tool) for tool in self)

    def filter(self, keep: Callable[[Tool], bool]) -> Toolset:
        """Keep the tools for which ``keep`` is true."""
        return Toolset(tool for tool in self if keep(tool))

    def allow(self, names: Iterable[str]) -> Toolset:
        """Keep the tools with these names. Raises ``UsageError`` for a name that no tool has."""
        allowed = set(names)
        if unknown := allowed - set(self.names):
            raise UsageError(f"there is no tool {', '.join(sorted(unknown))}")
        return self.filter(lambda tool: tool.name in allowed)

    def approve(self, policy: ApprovalPolicy) -> Toolset:
        """Let calls through by a policy: ``auto``, ``ask``, ``deny``, or a function of tool and arguments."""
        return self.map(lambda tool: Approved(tool, policy))

    def cache(self) -> Toolset:
        """Make a read with the same arguments once."""
        return self.map(Cached)

    def retry(self, times: int, wait: float = 0.0) -> Toolset:
        """Try a failed call that may be repeated again, ``wait`` seconds later (doubled each time)."""
        return self.map(lambda tool: Retried(tool, times, wait))

    def budget(self, calls: int) -> Toolset:
        """Allow that many calls in each run, of all these tools together."""
        shared = CallBudget(calls, frozenset(self.names))
        return self.map(lambda tool: Budgeted(tool, shared))

    def prefix(self, text: str) -> Toolset:
        """Put ``text`` before every name."""
        return self.map(lambda tool: Renamed(tool, text + tool.name))

    def rename(self, names: Mapping[str, str]) -> Toolset:
        """Give tools new names (old to new). Raises ``UsageError`` for a name that no tool has."""
        if unknown := set(names) - set(self.names):
            raise UsageError(f"there is no tool {', '.join(sorted(unknown))}")
        return self.map(lambda tool: Renamed(tool, names[tool.name]) if tool.name in names else tool)


def as_tool(item: ToolLike) -> Tool:
    """Return anything that can be given as a tool as one. Raises ``UsageError``."""
    if isinstance(item, Tool):
        return item
    if isinstance(item, str):
        return as_tool(_imported(item))
    # LangChain tools are told by what they offer; their library is not imported for those who use none.
    if hasattr(item, "ainvoke") and hasattr(item, "args_schema"):
        from .langchain import from_langchain

        return from_langchain(cast("Any", item))
    if callable(item) and not isinstance(item, type):
        return FunctionTool(item)
    raise UsageError(f"{item!r} is not a tool", mend="a typed function, a Tool, or a LangChain tool")


def _imported(reference: str) -> Any:
    module, colon, name = reference.partition(":")
    if not colon or not module or not name:
        raise UsageError(f"{reference!r} is not a tool", mend="module:name, as in agentkit.tools.clock:now")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the tool {reference} can't be imported: {error}") from error
