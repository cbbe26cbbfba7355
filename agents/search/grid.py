"""The full scan: every smallest region is looked at, the best ones are searched for the thing."""

from __future__ import annotations

from .aim import Aim
from .eyes import Eyes, sigmoid
from .geometry import split
from .parts import Expert
from .tree import FocusNode, FocusTree
from .vstar import VStarConfig

BATCH = 16


class Grid:
    """Looks at all tiles in batches, then visits them from the likeliest on until the thing is surely found.

    The tiles are the leaves of V*'s tree over the same picture, so that both see things at the same scale.
    """

    def __init__(self, eyes: Eyes, expert: Expert, config: VStarConfig) -> None:
        self.eyes, self.expert, self.config = eyes, expert, config

    def start(self, image: str, size: tuple[int, int], aim: Aim | str) -> FocusTree:
        """Return the tree of a search that has not begun: the root and all tiles."""
        tree = FocusTree(image, size, aim, "grid")
        tree.visit(tree.root)
        smallest = self.config.smallest(tree.size)
        boxes, leaves = [tree.root.box], []
        while boxes:
            box = boxes.pop(0)
            parts = split(box) if min(box.width, box.height) > smallest else []
            boxes += parts
            leaves += [] if parts else [box]
        for box in leaves:
            tree.add(tree.root, box)
        return tree

    async def step(self, tree: FocusTree) -> list[FocusNode]:
        """Score one batch of tiles, or visit the best scored tile."""
        unseen = [node for node in tree.candidates() if "exists" not in node.scores][:BATCH]
        if unseen:
            odds = await self.eyes.exists([self.eyes.view(node.box) for node in unseen], tree.about)
            for node, value in zip(unseen, odds, strict=True):
                node.scores["exists"] = sigmoid(value)
                node.closed = node.scores["exists"] < self.config.confidence_low
            return unseen
        node = max(tree.candidates(), key=lambda n: n.scores["exists"], default=None)
        if node is None:
            self.finish(tree)
            return []
        finds = await self.expert.find(node)
        tree.take(node, finds, self.config.confidence_high)
        return [node]

    def finish(self, tree: FocusTree) -> None:
        """End the scan with the best find so far, if it is sure enough."""
        tree.settle(self.config.confidence_low)
