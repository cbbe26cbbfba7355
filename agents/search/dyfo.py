"""DyFo: dynamic focus visual search (arXiv 2504.14920, section 3), a Monte Carlo tree search over focuses.

A focus is a region and the text it is looked at for. The focus adjuster moves it by two actions. *Semantic focus*
contracts: to the region that covers what the expert found there; where it found nothing, to where the model says
that the thing would most likely be, and to the region's parts (the authors' expert sees large pictures whole; a small
one has to come closer before it can propose anything). *Semantic scatter* widens a focus about its centre, so that
lost context comes back. Each new focus is scored at once, without a rollout, and its reward goes back along the path.

The authors' constants are in no source at hand: the defaults here come from the ablation in docs/visual-search.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agentkit.content import Box

from .aim import Aim
from .geometry import close_up, cover, split
from .parts import Cue, Expert
from .tree import FocusNode, FocusTree

# What remains of the agreement where only the model sees the thing, and the expert does not.
ONE_SIDED = 0.5
# A covering region has room around it for boxes that are a little off.
ROOM = 3.0
# Two focuses that overlap so much (IoU) are one.
SAME = 0.8


@dataclass(frozen=True)
class DyFoConfig:
    """The constants.

    ``exploration``: weight of the second term of UCT. ``iterations``: the most focuses that are scored. ``scatter``:
    how many times wider a scattered focus is, on each side. ``least_side``: shorter side in pixels at which regions
    are not cut any more; a focus is not contracted below it either. ``area_exponent``: the reward's term of the
    area is 1 - (area / picture)^exponent. ``scatter_from``: the least reward of a focus that is widened.
    ``context_levels``: depths from the root at which the model is asked for the likely place. ``confidence_high``:
    a find above it ends the search. ``confidence_low``: the best doubtful find counts from it on. ``voters``: the
    most focuses that vote on the answer.
    """

    exploration: float = 0.7
    iterations: int = 24
    scatter: float = 2.0
    least_side: int = 224
    area_exponent: float = 0.5
    scatter_from: float = 0.25
    context_levels: int = 2
    confidence_high: float = 0.5
    confidence_low: float = 0.3
    voters: int = 3

    def area_term(self, box: Box, size: tuple[int, int]) -> float:
        """Return the reward's term of the area: 0 for the whole picture, near 1 for a small region."""
        return 1 - min(box.area / (size[0] * size[1]), 1.0) ** self.area_exponent


class DyFo:
    """The strategy. What MCTS knows of a node is in its scores: ``reward``, ``visits`` and ``value`` (their mean)."""

    def __init__(self, cue: Cue, expert: Expert, config: DyFoConfig | None = None) -> None:
        self.cue, self.expert, self.config = cue, expert, config or DyFoConfig()

    def start(self, image: str, size: tuple[int, int], aim: Aim | str) -> FocusTree:
        """Return the tree of a search that has not begun."""
        return FocusTree(image, size, aim, "dyfo")

    async def step(self, tree: FocusTree) -> list[FocusNode]:
        """Do one iteration: select a focus, score it, pass the reward back, expand it."""
        node = await self._select(tree) if tree.visits < self.config.iterations else None
        if node is None:
            self.finish(tree)
            return []
        finds = await self.expert.find(node)
        # A sure find ends it: the two sides agree, and more focuses would only agree again.
        tree.take(node, finds, self.config.confidence_high)
        self._reward(tree, node)
        if not tree.done:
            await self._expand(tree, node, [find.box for find in finds])
        return [node]

    def finish(self, tree: FocusTree) -> None:
        """End the search with the best find so far, if it is at least ``confidence_low`` sure."""
        tree.settle(self.config.confidence_low)

    async def _select(self, tree: FocusTree) -> FocusNode | None:
        """Walk down by UCT to a focus that was not scored; None when all are."""
        waiting = _waiting(tree)
        node = tree.root
        while node.visited:
            below = [child for child in tree.children(node) if child.id in waiting]
            if not below:
                return None
            new = [child for child in below if not child.visited]
            if new:
                return await self._first(new)
            node = max(below, key=lambda child: self._bound(node, child))
        return node

    async def _first(self, new: list[FocusNode]) -> FocusNode:
        """Return the new focus to score first; those that nothing tells apart are glanced at in one batch."""
        best = max(node.scores.get("prior", 0.0) for node in new)
        equal = [node for node in new if node.scores.get("prior", 0.0) == best]
        if len(equal) > 1 and all("exists" not in node.scores for node in equal):
            await self.cue.glance(equal)
        return max(equal, key=lambda node: (node.scores.get("exists", 0.0), -node.id))

    def _bound(self, above: FocusNode, node: FocusNode) -> float:
        """Return the upper confidence bound (UCT) of a focus below another."""
        seen = max(node.scores["visits"], 1.0)
        spread = math.sqrt(math.log(max(above.scores["visits"], 1.0)) / seen)
        return node.scores["value"] + self.config.exploration * spread

    def _reward(self, tree: FocusTree, node: FocusNode) -> None:
        """Leave the reward: agreement of model and expert times the term of the area; pass it back."""
        agreement = node.scores.get("confidence", ONE_SIDED * node.scores.get("exists", 0.0))
        reward = agreement * self.config.area_term(node.box, tree.size)
        node.scores["reward"] = reward
        for known in (node, *tree.ancestors(node)):
            count = known.scores.get("visits", 0.0)
            known.scores["value"] = (known.scores.get("value", 0.0) * count + reward) / (count + 1)
            known.scores["visits"] = count + 1

    async def _expand(self, tree: FocusTree, node: FocusNode, found: list[Box]) -> None:
        least = self.config.least_side
        if found:
            region = close_up(cover(found), tree.size, ROOM).at_least(least, least)
            self._add(tree, node, region, prior=1.0)
        elif node.depth < self.config.context_levels:
            heat = await self.cue.context(node)
            for box, _ in heat.cells:
                self._add(tree, node, box.at_least(least, least), prior=1.0)
        if node.scores["reward"] >= self.config.scatter_from:
            self._add(tree, node, node.box.grow(self.config.scatter), prior=0.5)
        parts = split(node.box) if min(node.box.width, node.box.height) > least else []
        children = [tree.add(node, box) for box in parts]
        if not children:
            return
        heat = await self.cue.target(node, children)
        if heat.mass > 0:
            node.heat = heat
            for child in children:
                child.scores["prior"] = 0.5 * heat.share(child.box)

    def _add(self, tree: FocusTree, node: FocusNode, box: Box, *, prior: float) -> None:
        inside = box.clip(tree.root.box)
        if inside.area > 0 and all(inside.iou(other.box) < SAME for other in tree):
            tree.add(node, inside).scores["prior"] = prior


def _waiting(tree: FocusTree) -> set[int]:
    """Return the nodes that are, or lead to, a focus that may still be scored."""
    waiting: set[int] = set()
    for node in reversed(tree.nodes):
        if not node.visited and not node.closed:
            waiting.add(node.id)
        if node.id in waiting and node.parent is not None:
            waiting.add(node.parent)
    return waiting
