"""The interfaces of a visual search: a cue says where to look, an expert says where exactly, a strategy decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .aim import Aim
from .heat import Heat
from .tree import Find, FocusNode, FocusTree


class Cue(Protocol):
    """Says where in a region to look next. Heat is in pixels of the original."""

    async def glance(self, nodes: Sequence[FocusNode]) -> None:
        """Look at regions that are about to be visited, in one batch; may leave ``exists``, a probability, on them."""
        ...

    async def target(self, node: FocusNode, parts: Sequence[FocusNode]) -> Heat:
        """Return where the thing itself seems to be, as raw evidence: log-odds or mask logits, clamped at 0.

        It may leave scores on ``parts``, the node's sub-regions; a score called ``exists`` is a probability.
        """
        ...

    async def context(self, node: FocusNode) -> Heat:
        """Return where the thing would most likely be, judged by what is around; without cells when unknown."""
        ...


class Expert(Protocol):
    """Says where exactly a thing is inside a region."""

    async def find(self, node: FocusNode) -> list[Find]:
        """Return what is there, best first, in pixels of the original; a doubtful find has a low confidence.

        It leaves ``exists`` on the node's scores when it can tell: the probability that the thing is in the region.
        """
        ...


class Strategy(Protocol):
    """Decides where to look, one step at a time; all that it knows between two steps is in the tree."""

    def start(self, image: str, size: tuple[int, int], aim: Aim | str) -> FocusTree:
        """Return the tree of a search that has not begun."""
        ...

    async def step(self, tree: FocusTree) -> list[FocusNode]:
        """Do one step; return the nodes that it visited. ``tree.done`` says whether it was the last."""
        ...

    def finish(self, tree: FocusTree) -> None:
        """End a search early or late: settle ``tree.finds`` on the best so far."""
        ...
