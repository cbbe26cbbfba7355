"""The evidence of a search: the regions that prove the answer, and what was searched for in vain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentkit.contracts.result import Evidence

from .tree import Find, FocusTree
from .vstar import VStarConfig


def evidence(tree: FocusTree) -> list[Evidence]:
    """Return the finds of a search; of an unfinished one, its best so far if that is not hopeless."""
    pairs = list(zip(tree.finds, tree.places, strict=True))
    if not tree.done and not pairs:
        best = tree.best()
        if best is not None and best[1].confidence >= VStarConfig.confidence_low:
            pairs = [(best[1], best[0].id)]
    return [_region(tree, find, [tuple(box) for box in tree.path(tree[at])]) for find, at in pairs]


def _region(tree: FocusTree, find: Find, path: list[Any]) -> Evidence:
    left, top, right, bottom = find.box
    return Evidence(
        kind="region",
        image=tree.image,
        box=(left, top, right, bottom),
        label=tree.about,
        score=find.confidence,
        path=path,
    )


def whole_picture(digest: str, size: Sequence[int], direct: dict[str, Any]) -> Evidence:
    box = (0.0, 0.0, float(size[0]), float(size[1]))
    return Evidence(kind="region", image=digest, box=box, score=direct.get("confidence"))


def found(item: Evidence) -> dict[str, Any]:
    return {
        "target": item.label,
        "image": item.image,
        "box": list(item.box or ()),
        "confidence": item.score,
        "path": [list(box) for box in item.path],
    }


def missing(state: Any) -> list[str]:
    """Return the targets whose search has ended without a find."""
    trees = [FocusTree.load(data) for data in state.get("trees", [])]
    return [
        target
        for target in state.get("targets", [])
        if all(tree.done and not tree.finds for tree in trees if tree.about == target)
    ]
