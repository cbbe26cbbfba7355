"""ZoomEye: tree-based zooming by the model's own confidence (arXiv 2411.16044, section 3 and the published code).

Every node of the tree has three confidences, 2 p - 1 of "yes": *existence* (is the thing in this view?), *latent*
(could zooming in show it?), *answering* (can the question be answered from here?). The queue is one for the whole
tree, so popping a shallower node is zooming out. Kept: the split rule and depth limit, the weights by depth, the two
types of search, the order in which thresholds fall and the budget grows, the deepest candidate as the final node.

Different here: the full tree is cut as it is opened, children are scored in one batch, and the final node is handed to
the expert, so that the evidence is a box. A model whose card has no words for *latent* is asked for the likely place,
once a parent; one without words for *answering* is taken to be able to answer as far as it does not say "not visible"
and sees the thing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .aim import Aim
from .cues import ModelCue
from .eyes import Eyes, logit, sigmoid
from .geometry import split, whole
from .heat import Heat
from .parts import Expert
from .tree import Find, FocusNode, FocusTree
from .vstar import HINT


@dataclass(frozen=True)
class ZoomEyeConfig:
    """The published constants, by default those for the LLaVA family.

    ``upper``, ``lower``: thresholds of *answering*; the upper one falls by the next of ``decrements`` (the last
    repeats) whenever the budget of pops is spent, which then grows by ``more``. ``bias``: b of the weight
    w(d) = b + (1 - b) d^2 / D^2; 0.6 for models that see the whole picture beside the zoom, 0.2 for those that see
    the zoom alone. ``pops``: budget a level of the tree. ``levels``: depth limit. ``input_side``: regions are cut until
    both sides are below it. ``every_levels``, ``every_least``: how deep "all Xs" are searched, and the least
    existence (2 p - 1) of a region that holds some.

    Not published: ``context_levels``, the upper levels where a model without words for *latent* is asked for the
    likely place; ``sure`` and ``least``, the expert's confidence that ends a search, and the least that counts.
    """

    upper: float = 0.6
    lower: float = 0.0
    decrements: tuple[float, ...] = (0.1, 0.1, 0.2)
    more: int = 2
    bias: float = 0.6
    pops: int = 3
    levels: int = 5
    input_side: int = 336
    every_levels: int = 2
    every_least: float = 0.6
    context_levels: int = 2
    least: float = 0.3
    sure: float = 0.5

    def weight(self, depth: int, deepest: int) -> float:
        """Return the weight of existence against latent at a depth: b at the root, 1 at the deepest level."""
        if deepest <= 0:
            return 1.0
        return self.bias + (1 - self.bias) * min(depth, deepest) ** 2 / deepest**2

    def deepest(self, size: tuple[int, int]) -> int:
        """Return D: the depth of the tree over a picture, at most the limit."""
        box, depth = whole(size), 0
        while depth < self.levels and max(box.width, box.height) >= self.input_side:
            parts = split(box)
            if not parts:
                break
            box, depth = parts[-1], depth + 1
        return depth


# As published; the default is LLaVA's (336 pixels for 1.5, 384 for OneVision, 448 for the other two).
LLAVA = ZoomEyeConfig()
INTERNVL = ZoomEyeConfig(upper=0.2, lower=-0.2, input_side=448)
QWEN = ZoomEyeConfig(upper=0.95, decrements=(0.05, 0.1, 0.2), input_side=448)


class ZoomEye:
    """The strategy. ``memo`` of the tree: ``upper`` (the threshold now), ``budget``, ``falls``."""

    def __init__(
        self, eyes: Eyes, cue: ModelCue, expert: Expert, config: ZoomEyeConfig | None = None
    ) -> None:
        self.eyes, self.cue, self.expert, self.config = eyes, cue, expert, config or ZoomEyeConfig()

    def start(self, image: str, size: tuple[int, int], aim: Aim | str) -> FocusTree:
        """Return the tree of a search that has not begun."""
        tree = FocusTree(image, size, aim, "zoomeye")
        budget = self.config.pops * self.config.deepest(tree.size)
        tree.memo = {"upper": self.config.upper, "budget": budget, "falls": 0}
        return tree

    async def step(self, tree: FocusTree) -> list[FocusNode]:
        """Pop the best node: the one thing, or (``every``) a level of the tree."""
        if tree.aim.every:
            return await self._sweep(tree)
        node = max(tree.candidates(), key=lambda n: (n.scores.get("priority", 1.0), -n.id), default=None)
        if node is None:
            while not await self._concluded(tree):
                pass
            return []
        await self.cue.glance([node])
        tree.visit(node)
        node.scores["answering"] = await self._answering(tree, node)
        if node.scores["answering"] >= tree.memo["upper"]:
            node.scores["candidate"] = 1.0
        elif tree.visits >= tree.memo["budget"]:
            self._fall(tree)
        if self._enough(tree) and await self._concluded(tree):
            return [node]
        if not self._leaf(tree, node):
            await self._open(tree, node)
        return [node]

    def finish(self, tree: FocusTree) -> None:
        """End the search with the best find so far; a node that answers but has no box gives its own region."""
        node = _final(tree) or self._best_answering(tree)
        if not tree.done and not tree.finds and tree.best() is None and node is not None:
            node.find = Find(node.box, (node.scores["answering"] + 1) / 2)
        tree.settle(self.config.least)

    def _best_answering(self, tree: FocusTree) -> FocusNode | None:
        """Return the visited node that answers best, if it does by the first threshold, though no box was found."""
        seen = [node for node in tree if node.scores.get("answering", -1.0) >= self.config.upper]
        return max(seen, key=lambda n: n.scores["answering"], default=None)

    def _fall(self, tree: FocusTree) -> None:
        """Lower the threshold; the best visited node above it becomes a candidate."""
        falls = int(tree.memo["falls"])
        steps = self.config.decrements
        tree.memo["falls"] = falls + 1
        tree.memo["upper"] -= steps[min(falls, len(steps) - 1)]
        tree.memo["budget"] += self.config.more
        seen = [n for n in tree if n.visited and "refuted" not in n.scores]
        best = max(seen, key=lambda n: n.scores["answering"], default=None)
        if best is not None and best.scores["answering"] >= tree.memo["upper"]:
            best.scores["candidate"] = 1.0

    def _enough(self, tree: FocusTree) -> bool:
        """Return whether the search is over: a candidate (with several things: and a leaf), or no hope left."""
        if tree.memo["upper"] < self.config.lower:
            return True
        if _final(tree) is None:
            return False
        return (
            tree.aim.alone or tree.memo["falls"] > 0 or any(n.visited and self._leaf(tree, n) for n in tree)
        )

    async def _concluded(self, tree: FocusTree) -> bool:
        """End the search where the expert sees the thing in the final node (the deepest candidate).

        Not published: a candidate in which the expert sees nothing for sure is put back, while there is hope; and
        where no node answers, the expert is asked about those that hint at the thing most.
        """
        node = _final(tree)
        if node is None:
            for hint in self._hints(tree):
                if await self._finds(hint) > self.config.sure:
                    break
        elif await self._finds(node) <= self.config.sure and tree.memo["upper"] >= self.config.lower:
            node.scores["refuted"] = node.scores.pop("candidate")
            return False
        self.finish(tree)
        tree.done = True
        return True

    async def _finds(self, node: FocusNode) -> float:
        """Return how sure the expert is of the thing in a node, 0 where it sees none; leave what it found."""
        finds = await self.expert.find(node)
        node.saw(finds)
        return finds[0].confidence if finds else 0.0

    def _hints(self, tree: FocusTree) -> list[FocusNode]:
        """Return the nodes that hint at the thing and were not refuted, at most three, the likeliest first."""
        known = [n for n in tree if n.scores.get("exists", 0.0) >= HINT and "refuted" not in n.scores]
        return sorted(known, key=lambda n: (-n.scores["exists"], n.id))[:3]

    async def _open(self, tree: FocusTree, node: FocusNode) -> None:
        """Cut a node and score its children in one batch."""
        children = [tree.add(node, box) for box in split(node.box)]
        await self.cue.glance(children)
        deepest = self.config.deepest(tree.size)
        weight = self.config.weight(node.depth + 1, deepest)
        latent = await self._latent(node, children) if weight < 1 else [0.0] * len(children)
        for child, hidden in zip(children, latent, strict=True):
            if weight < 1:
                child.scores["latent"] = hidden
            child.scores["priority"] = weight * (2 * child.scores["exists"] - 1) + (1 - weight) * hidden

    async def _latent(self, node: FocusNode, children: Sequence[FocusNode]) -> list[float]:
        odds = await self.eyes.latent([self.eyes.view(child.box) for child in children], node.about)
        if odds is not None:
            return [2 * sigmoid(value) - 1 for value in odds]
        heat = await self.cue.context(node) if node.depth < self.config.context_levels else Heat()
        # Where no likely place is known, every part is as likely as not.
        return [2 * heat.share(child.box) - 1 if heat.mass > 0 else 0.0 for child in children]

    async def _answering(self, tree: FocusTree, node: FocusNode) -> float:
        """Return whether the question (of several things: this one's) can be answered from a node, -1 to 1."""
        view = self.eyes.view(node.box)
        one = tree.aim.alone and bool(tree.aim.question)
        if self.eyes.asks("answerable"):
            question = tree.aim.question if one else f"What does the {tree.about} look like?"
            return 2 * sigmoid(await self.eyes.answerable(view, question)) - 1
        odds = logit(node.scores["exists"])
        if one and odds > 0:
            odds = min(odds, await self.eyes.answerable(view, tree.aim.question))
        return 2 * sigmoid(odds) - 1

    def _leaf(self, tree: FocusTree, node: FocusNode) -> bool:
        small = max(node.box.width, node.box.height) < self.config.input_side
        return small or node.depth >= self.config.levels or not split(node.box)

    async def _sweep(self, tree: FocusTree) -> list[FocusNode]:
        """Search "all Xs": score a level of the tree; after the last one, find the thing in the nodes to keep."""
        level = tree.candidates()
        if level:
            await self.cue.glance(level)
            for node in level:
                tree.visit(node)
                if node.depth < self.config.every_levels:
                    for box in split(node.box):
                        tree.add(node, box)
            return level
        for node in kept(tree, self.config.every_least):
            finds = await self.expert.find(node)
            tree.collect(node, [find for find in finds if find.confidence > self.config.sure])
        tree.done = True
        return []


def kept(tree: FocusTree, least: float) -> list[FocusNode]:
    """Return the nodes that hold some of "all Xs": existence at least their best descendant's, and ``least``.

    Existence is 2 p - 1; a view that holds the thing whole and large beats the one above it.
    """
    best: dict[int, float] = {}
    chosen = []
    for node in reversed(tree.nodes):
        below = best.get(node.id, -math.inf)
        own = 2 * node.scores.get("exists", 0.0) - 1
        if own >= max(below, least):
            chosen.append(node)
        if node.parent is not None:
            best[node.parent] = max(best.get(node.parent, -math.inf), own, below)
    return chosen[::-1]


def _final(tree: FocusTree) -> FocusNode | None:
    """Return the deepest candidate, the surest of equals."""
    found = [node for node in tree if "candidate" in node.scores]
    return max(found, key=lambda n: (n.depth, n.scores["answering"]), default=None)
