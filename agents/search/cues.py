"""Cues: where to look next."""

from __future__ import annotations

from collections.abc import Sequence

from .eyes import Eyes, sigmoid
from .heat import Heat
from .tree import FocusNode

# A thing that belongs to another sits in it, on it or beside it.
BESIDE = 1.3


class ModelCue:
    """The cue of any model that answers questions about pictures.

    Target heat: the log-odds of "yes, it is there", asked for every part in one batch. Context: the box that the
    model names when it is asked where the thing would most likely be, a little enlarged.
    """

    def __init__(self, eyes: Eyes) -> None:
        self.eyes = eyes

    async def target(self, node: FocusNode, parts: Sequence[FocusNode]) -> Heat:
        """Return the log-odds of each part as heat; leaves ``exists``, a probability, on the parts."""
        odds = await self.eyes.exists([self.eyes.view(part.box) for part in parts], node.about)
        for part, value in zip(parts, odds, strict=True):
            part.scores["exists"] = sigmoid(value)
        return Heat.of([part.box for part in parts], odds)

    async def context(self, node: FocusNode) -> Heat:
        """Return even heat in the likely place; no heat when the model names none."""
        box = await self.eyes.likely(self.eyes.view(node.box), node.about)
        if box is None:
            return Heat()
        node.scores["context"] = 1.0
        return Heat.of([box.grow(BESIDE).clip(self.eyes.image.box)], [1.0])
