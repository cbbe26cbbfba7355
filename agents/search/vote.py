"""DyFo's answer: the focuses of all granularities vote, each with the weight of its reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.content import Box, Image, Message
from agentkit.models.base import Model

from .answer import Answer, answer, listing
from .dyfo import DyFoConfig
from .geometry import close_up
from .tree import FocusTree


@dataclass(frozen=True)
class Focus:
    """A region that votes: a box in pixels of the original, and its weight."""

    box: Box
    weight: float


def focuses(tree: FocusTree, config: DyFoConfig, *, times: float, square: bool) -> list[Focus]:
    """Return the focuses that vote, the heaviest first, at most ``config.voters``.

    They are the close-up of the best find (``times`` its box), the same scattered once, and the visited focuses;
    each weighs its reward.
    """
    found: list[Focus] = []
    if tree.finds:
        find = tree.finds[0]
        near = close_up(find.box, tree.size, times, square=square)
        wide = close_up(near, tree.size, config.scatter, square=square)
        found = [
            Focus(box, find.confidence * config.area_term(box, tree.size))
            for box in dict.fromkeys((near, wide))
        ]
    found += [
        Focus(node.box, node.scores["reward"])
        for node in tree
        if node.visited and node.scores.get("reward", 0) > 0
    ]
    return sorted(found, key=lambda focus: -focus.weight)[: config.voters]


async def vote(
    model: Model, image: Image, voters: Sequence[Focus], question: str, options: Sequence[str] = ()
) -> Answer:
    """Return the answer with the largest sum of weights; a focus that says "not visible" abstains.

    With options that the model can score, each focus spreads its weight by their probabilities.
    """
    sums: dict[str, float] = {}
    for focus in voters:
        crop = image.crop(focus.box)
        said = await answer(model, Message.user(crop, listing(model, question, options)), options)
        if said.text.lower().strip(" .") == model.card.not_visible:
            continue
        for text, share in (said.options or {said.text: said.confidence or 1.0}).items():
            sums[text] = sums.get(text, 0.0) + focus.weight * share
    total = sum(sums.values())
    if total <= 0:
        return Answer(model.card.not_visible)
    best = max(sums, key=lambda text: sums[text])
    chances = {text: value / total for text, value in sums.items()}
    return Answer(best, chances[best], chances if options else {})
