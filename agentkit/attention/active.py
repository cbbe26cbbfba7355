"""Which plan and readers act now, in this thread or task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from .compile import Plan
    from .reader import Reader


@dataclass
class Active:
    """The plan and the readers of the forward passes of this context. ``start``: the first row of the current pass."""

    plan: Plan | None
    readers: tuple[Reader, ...] = ()
    start: int = 0
    # One forward pass hands the same mask to every layer: what is made of it is made once.
    masks: dict[tuple[Any, ...], tuple[Any, torch.Tensor]] = field(default_factory=dict)


_ACTIVE: ContextVar[Active | None] = ContextVar("agentkit_attention", default=None)


def active() -> Active | None:
    """Return what acts in this thread or task, None when nothing does."""
    return _ACTIVE.get()


@contextmanager
def reallocating(plan: Plan | None = None, readers: Sequence[Reader] = ()) -> Iterator[None]:
    """Apply a plan and readers to every forward pass inside the block, in this thread or task only.

    The model must run on agentkit's attention function, with keys cached from position 0 on (no static cache).
    Nested blocks replace each other.
    """
    token = _ACTIVE.set(Active(plan, tuple(readers)) if plan is not None or readers else None)
    try:
        yield
    finally:
        _ACTIVE.reset(token)
