"""Where in a graph a piece of code runs: stable across resume and replay.

A scope is the path of node executions from the outermost graph inwards, each ``step:node``. Recorded calls and
effects are filed under it, so that a node that runs again after a crash finds what it already did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from langgraph.config import get_config

_SCOPE: ContextVar[tuple[str, ...]] = ContextVar("agentkit_scope", default=())


def current_scope() -> str:
    """Return the scope of the running node, ``""`` outside of graphs."""
    return "/".join(_SCOPE.get())


@contextmanager
def enter_node(name: str) -> Iterator[int]:
    """Run the body inside the scope of a node; yields the graph's step number."""
    metadata = get_config().get("metadata", {})
    step = int(metadata.get("langgraph_step", 0))
    part = f"{step}:{name}"
    outer, inside, _ = str(metadata.get("langgraph_checkpoint_ns", "")).rpartition("|")
    if inside and not _SCOPE.get():
        # The graph is a node of somebody else's graph, whose steps are only known by their task ids.
        part = f"{hashlib.sha256(outer.encode()).hexdigest()[:8]}/{part}"
    path = metadata.get("langgraph_path", ())
    # Parallel executions of one node (langgraph's Send) are told apart by their place in the fan-out.
    if path and path[0] == "__pregel_push":
        part += ":" + "-".join(str(item) for item in path[1:] if isinstance(item, int))
    token = _SCOPE.set((*_SCOPE.get(), part))
    try:
        yield step
    finally:
        _SCOPE.reset(token)


@contextmanager
def enter(part: str) -> Iterator[None]:
    """Run the body inside a named inner scope (outside of graphs)."""
    token = _SCOPE.set((*_SCOPE.get(), part))
    try:
        yield
    finally:
        _SCOPE.reset(token)
