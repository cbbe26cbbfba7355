"""Cues: where to look next."""

from __future__ import annotations

from collections.abc import Sequence

from .eyes import Eyes, logit, sigmoid
from .heat import Heat
from .tree import FocusNode

# A thing that belongs to another sits in it, on it or beside it.
BESIDE = 1.3
# What the neutral question is about, and the least share of attention that is divided by.
NEUTRAL = "object"
EVEN = 1e-4


class ModelCue:
    """The cue of any model that answers questions about pictures.

    Target heat: the log-odds of "yes, it is there", asked for every part in one batch. Parts of a region whose own
    ``exists`` is below ``least`` are not asked: what is too small to be hinted at in the whole region shows when a
    part is visited, and a look at each part costs as much. Context: the box that the model names when it is asked
    where the thing would most likely be, a little enlarged.
    """

    def __init__(self, eyes: Eyes, *, least: float = 0.05) -> None:
        self.eyes, self.least = eyes, least

    async def target(self, node: FocusNode, parts: Sequence[FocusNode]) -> Heat:
        """Return the log-odds of each part as heat; leaves ``exists``, a probability, on the parts."""
        if node.scores.get("exists", 1.0) < self.least:
            return Heat()
        await self.glance(parts)
        return Heat.of([part.box for part in parts], [logit(part.scores["exists"]) for part in parts])

    async def glance(self, nodes: Sequence[FocusNode]) -> None:
        """Leave ``exists`` on the nodes that have none."""
        new = [node for node in nodes if "exists" not in node.scores]
        if not new:
            return
        odds = await self.eyes.exists([self.eyes.view(node.box) for node in new], new[0].about)
        for node, value in zip(new, odds, strict=True):
            node.scores["exists"] = sigmoid(value)

    async def context(self, node: FocusNode) -> Heat:
        """Return even heat in the likely place; no heat when the model names none."""
        box = await self.eyes.likely(self.eyes.view(node.box), node.about)
        if box is None:
            return Heat()
        node.scores["context"] = 1.0
        return Heat.of([box.grow(BESIDE).clip(self.eyes.image.box)], [1.0])


class AttentionCue(ModelCue):
    """The cue of a local model that shows where it looked.

    Target heat is relative attention: what the question adds to the attention of a neutral question, cell by cell
    (Zhang et al., "MLLMs Know Where to Look", arXiv 2502.17422, section 4). It says where, not how surely; so its peak
    is set to the region's own log-odds, which are on the scale of V*'s thresholds. Costs two looks a region, where
    asking about each part costs four.
    """

    async def target(self, node: FocusNode, parts: Sequence[FocusNode]) -> Heat:
        """Return relative attention on the cells of the model's grid."""
        await self.glance([node])
        if node.scores["exists"] < self.least:
            return Heat()
        view = self.eyes.view(node.box)
        asked, neutral = await self.eyes.attended(view, node.about), await self.eyes.attended(view, NEUTRAL)
        known = dict(neutral)
        more = [
            (box, value / max(known[box], EVEN)) for box, value in asked if box.intersection(node.box) > 0
        ]
        peak = max((value for _, value in more), default=0.0)
        if peak <= 0:
            return Heat()
        scale = max(logit(node.scores["exists"]), 0.0) / peak
        return Heat.of([box.clip(node.box) for box, _ in more], [value * scale for _, value in more])
