"""The expert of any model that sees: it looks twice."""

from __future__ import annotations

from agentkit.content import Box

from ..eyes import Eyes, logit, sigmoid
from ..geometry import close_up, split
from ..tree import Find, FocusNode

# The second look shows three times the box: room for a box that is a little off. The box is then read once more
# from a closer view, where a quantised coordinate is finer.
AGAIN, CLOSER = 3.0, 2.0
# What is left of a confidence when the two looks contradict each other.
CONTRADICTED = 0.5
# A view of up to so many times the model's input is small: its parts show things twice as large.
NEAR = 8
# From this probability on, a small region that shows no place for the thing is worth a look at each of its parts.
HINT = 0.3
# How far (IoU) a box from a closer view must agree with the one before, to replace it.
AGREE = 0.3


class ModelExpert:
    """The expert of any model that can say yes or no, and where.

    Two looks: at the region, and again at what was found, at a scale where it is easy to see. The second look
    decides, and what the first one doubted counts against it: their log-odds are added, because a search looks at
    hundreds of regions, and every look may be a false alarm. Below ``least`` the first look is not followed up.
    Where a small region hints at the thing and shows no place for it, its parts are looked at.
    """

    def __init__(self, eyes: Eyes, *, least: float = 0.1) -> None:
        self.eyes, self.least = eyes, least

    async def find(self, node: FocusNode) -> list[Find]:
        """Return at most one find; leaves ``exists`` (and ``again``, the second look) on the node's scores."""
        seen = self.eyes.view(node.box)
        if "exists" not in node.scores:
            (odds,) = await self.eyes.exists([seen], node.about)
            node.scores["exists"] = sigmoid(odds)
        first = node.scores["exists"]
        if first < self.least:
            return []
        box = await self.eyes.locate(seen, node.about)
        if box is None and first >= HINT:
            first, box = await self._closer(node)
        if box is None:
            return []
        again, box = await self._look_again(box, node.about)
        node.scores["again"] = again
        return [Find(box, sigmoid(min(logit(first), 0.0) + logit(again)))]

    async def _closer(self, node: FocusNode) -> tuple[float, Box | None]:
        """Return how surely the best part of a small region shows the thing, and where."""
        side, view = self.eyes.card.input_size, self.eyes.view(node.box)
        parts = split(node.box)
        if side is None or not side < max(view.width, view.height) <= NEAR * side or not parts:
            return 0.0, None
        views = [self.eyes.view(part) for part in parts]
        odds = await self.eyes.exists(views, node.about)
        best = max(range(len(parts)), key=lambda i: odds[i])
        if odds[best] < 0:
            return 0.0, None
        return sigmoid(odds[best]), await self.eyes.locate(views[best], node.about)

    async def _look_again(self, box: Box, about: str) -> tuple[float, Box]:
        near = self._near(box, AGAIN)
        (odds,) = await self.eyes.exists([near], about)
        second = sigmoid(odds)
        if second < self.least:
            return second, box
        better = await self.eyes.locate(near, about)
        if better is None or better.intersection(box) <= 0:
            return second * CONTRADICTED, box
        finer = await self.eyes.locate(self._near(better, CLOSER), about)
        return second, finer if finer is not None and finer.iou(better) > AGREE else better

    def _near(self, box: Box, times: float) -> Box:
        return close_up(box, self.eyes.image.size, times, square=self.eyes.card.square)
