"""The oracle: the same agent, told where everything is. What it gets wrong, no search can mend."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentkit.content import Box

from ...agents.search.eyes import Eyes
from ...agents.search.strategies import MakeExpert
from ...agents.search.tree import Find, FocusNode


class TrueBoxes:
    """An expert that knows the marked boxes: of the target whose words are those that are looked for, or most of them."""

    def __init__(self, targets: Sequence[str], boxes: Sequence[Box]) -> None:
        self.known = [(_words(target), box) for target, box in zip(targets, boxes, strict=True)]

    async def find(self, node: FocusNode) -> list[Find]:
        """Return the boxes inside the node's region of what it is looked at for, all quite sure."""
        sought = _words(node.about)
        shared = [len(sought & words) / max(len(sought | words), 1) for words, _ in self.known]
        most = max(shared, default=0.0)
        return [
            Find(box, 1.0)
            for (_, box), share in zip(self.known, shared, strict=True)
            if share == most and (share > 0 or len(self.known) == 1) and box.intersection(node.box) > 0
        ]


def true_boxes(targets: Sequence[str], boxes: Sequence[Box]) -> MakeExpert:
    """Return what makes the expert for a picture."""

    def make(eyes: Eyes) -> TrueBoxes:
        return TrueBoxes(targets, boxes)

    return make


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
