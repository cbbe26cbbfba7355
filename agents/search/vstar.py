"""V*: guided visual search (arXiv 2312.14135, section 3 and the authors' published code).

The control flow is the published one: every visited region is searched for the thing itself; when it is not
surely there, the region is cut in parts, which join one global queue with a priority from the heat of all regions
above them. Two quirks are mended: the published code crashes when no region gave any result, and it returns the
best doubtful result from the script but not from the demo (here: only from a confidence of ``confidence_low`` on).

For models that answer in words, the heat is made of their log-odds of yes against no for each part, which are on
the scale of the published thresholds (mask logits): 6 is 99.8 % sure, 3 is 95 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agentkit.content import Box

from .aim import Aim
from .geometry import split
from .heat import Heat
from .parts import Cue, Expert
from .seen import View, apart, seen
from .tree import FocusNode, FocusTree

# The published model sees 224 pixels.
PUBLISHED_INPUT = 224
# From this probability on, a region that was looked at goes before larger ones that were not.
HINT = 0.1


@dataclass(frozen=True)
class VStarConfig:
    """The published constants.

    ``confidence_high``: a find above it ends the search. ``confidence_low``: the best doubtful find counts from it
    on when nothing is left to visit. ``cue_threshold`` decays by ``cue_decay`` a level down to ``cue_floor``; heat
    above it guides the search, else the context does. ``size_scale`` and ``size_floor``: regions whose shorter
    side is at most max(ceil(min(width, height) / size_scale), size_floor) pixels are not cut any more.
    ``context_levels``: the context is asked for in regions of so many upper levels (None: in all, as published); a
    part of a region whose context is known is not asked again. ``hopeless``: regions where the thing is seen with less than this probability are not visited: the first number
    is for the smallest regions, the next for those one level above, and so on; other levels are all visited. Not
    published: it needs a cue that leaves probabilities. The first changes no outcome while it is not above
    ``confidence_low``, as a visit could find nothing better.
    """

    confidence_high: float = 0.5
    confidence_low: float = 0.3
    cue_threshold: float = 6.0
    cue_decay: float = 0.7
    cue_floor: float = 3.0
    size_scale: int = 4
    size_floor: int = PUBLISHED_INPUT
    context_levels: int | None = None
    hopeless: tuple[float, ...] = (0.3,)

    @classmethod
    def for_input(cls, side: int | None) -> VStarConfig:
        """Return the constants for a model that sees ``side`` pixels (None: unknown, as published).

        A model that sees less than the published 224 needs one more level of the tree for every halving; one
        that sees more gains nothing from larger smallest regions, and keeps the published scale. A model that
        needs more levels asks for the context in the upper two only: what predicts a thing is larger than it, and
        below them each question costs as much as a look at the thing's own scale.
        """
        if side is None:
            return cls()
        levels = max(math.ceil(math.log2(PUBLISHED_INPUT / side)), 0)
        return cls(size_scale=4 * 2**levels, size_floor=side, context_levels=2 if levels else None)

    def threshold(self, depth: int) -> float:
        """Return the cue threshold at a depth (0 is the root): 6, 4.2, 3, 3, ..."""
        return max(self.cue_floor, self.cue_threshold * self.cue_decay**depth)

    def least(self, box: Box, size: tuple[int, int]) -> float:
        """Return the probability below which a region is hopeless, 0 where none is."""
        smallest, above = self.smallest(size), 0
        while min(box.width, box.height) > smallest and above < len(self.hopeless):
            parts = split(box)
            if not parts:
                break
            box, above = parts[-1], above + 1
        return self.hopeless[above] if above < len(self.hopeless) else 0.0

    def smallest(self, size: tuple[int, int]) -> int:
        """Return the shorter side in pixels at which regions of a picture are not cut any more."""
        return max(math.ceil(min(size) / self.size_scale), self.size_floor)


class VStar:
    """The strategy: a best-first search with one priority queue over all regions that are not visited yet."""

    def __init__(
        self, cue: Cue, expert: Expert, config: VStarConfig | None = None, *, view: View | None = None
    ) -> None:
        self.cue, self.expert, self.config = cue, expert, config or VStarConfig()
        # What is shown of a region: with it, regions that the views of others showed are not looked at again.
        self.view = view

    def start(self, image: str, size: tuple[int, int], aim: Aim | str) -> FocusTree:
        """Return the tree of a search that has not begun."""
        return FocusTree(image, size, aim, "vstar")

    async def step(self, tree: FocusTree) -> list[FocusNode]:
        """Visit the region with the highest priority; cut it in parts unless the thing was found."""
        node = await self._next(tree)
        if node is None:
            self.finish(tree)
            return []
        finds = await self.expert.find(node)
        tree.take(node, finds, self.config.confidence_high)
        if not tree.done and not self._leaf(tree, node):
            await self._expand(tree, node)
        if not tree.done and next_node(tree) is None:
            self.finish(tree)
        return [node]

    def finish(self, tree: FocusTree) -> None:
        """End the search with the best find so far, if it is at least ``confidence_low`` sure."""
        tree.settle(self.config.confidence_low)

    async def _next(self, tree: FocusTree) -> FocusNode | None:
        """Return the region to visit. Sisters that nothing tells apart are glanced at first, in one batch."""
        while (node := next_node(tree)) is not None and "exists" not in node.scores:
            if self.view is not None and self._leaf(tree, node) and seen(tree, node, self.view):
                node.closed = True
                continue
            rank = node.scores.get("priority", 0.0)
            sisters = [
                n
                for n in tree.candidates()
                if n.parent == node.parent and n.scores.get("priority", 0.0) == rank
            ]
            if self.view is not None and self._leaf(tree, node):
                sisters = apart(sisters, self.view)
            if len(sisters) == 1:
                break
            await self.cue.glance(sisters)
            if "exists" not in node.scores:
                break
            for sister in sisters:
                self._judge(tree, sister)
        return node

    def _leaf(self, tree: FocusTree, node: FocusNode) -> bool:
        return min(node.box.width, node.box.height) <= self.config.smallest(tree.size)

    def _judge(self, tree: FocusTree, node: FocusNode) -> None:
        node.closed = node.scores.get("exists", 1.0) < self.config.least(node.box, tree.size)

    async def _expand(self, tree: FocusTree, node: FocusNode) -> None:
        parts = [tree.add(node, box) for box in split(node.box)]
        if not parts:
            return
        node.heat = await self._heat(tree, node, parts)
        for part in parts:
            part.scores["priority"] = priority(tree, part)
            self._judge(tree, part)

    async def _heat(self, tree: FocusTree, node: FocusNode, parts: list[FocusNode]) -> Heat:
        target = await self.cue.target(node, parts)
        if target.peak > self.config.threshold(node.depth):
            node.scores["cue"] = target.peak
            return target.normalised()
        known = next((n.heat for n in tree.ancestors(node) if n.heat and "context" in n.scores), None)
        levels = self.config.context_levels
        if known is None and (levels is None or node.depth < levels):
            context = await self.cue.context(node)
        else:
            context = known or Heat()
        # A model that knows no likely place leaves its weak hints of the thing itself.
        return context if context.mass > 0 else target.normalised()


def priority(tree: FocusTree, node: FocusNode) -> float:
    """Return the priority of a region: the sum over the regions above of their heat's share in it / 4^level.

    Levels count from 1 at the root, so a quadrant under uniform heat has 1/4 / 4 = 1/16.
    """
    return sum(
        above.heat.share(node.box) / 4 ** (above.depth + 1)
        for above in tree.ancestors(node)
        if above.heat is not None
    )


def next_node(tree: FocusTree) -> FocusNode | None:
    """Return the region to visit next.

    Highest priority first. Among equals: what looks likely to hold the thing; then the larger region, as a look
    there leaves more behind it; then the likelier; then the older.
    """

    def rank(node: FocusNode) -> tuple[float, ...]:
        likely = chance(tree, node)
        hint = likely if likely >= HINT else 0.0
        return node.scores.get("priority", 0.0), hint, -node.depth, likely, -node.id

    return max(tree.candidates(), key=rank, default=None)


def chance(tree: FocusTree, node: FocusNode) -> float:
    """Return how likely a region holds the thing: what a look at it said, else its share of what one above said."""
    if "exists" in node.scores or node.parent is None:
        return node.scores.get("exists", 1.0)
    above = tree[node.parent]
    return above.scores.get("exists", 0.0) * node.box.area / max(above.box.area, 1e-9)
