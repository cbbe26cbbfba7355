"""What was seen already: a region that lies in the views of others, at its own scale, need not be looked at again.

A model that pads to a square is shown squares, so views reach beyond their regions and overlap. A thing would have to
hide in what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from agentkit.content import Box

from .tree import FocusNode, FocusTree

View = Callable[[Box], Box]
# A region counts as seen when this share of it is; a view shows things well except at its very border.
ENOUGH, BORDER = 0.9, 0.03
# Views up to so many times the region's own are at its scale.
SCALE = 1.15
# A view that hinted at the thing proves nothing about its neighbours.
HINT = 0.1
POINTS = 8


def seen(tree: FocusTree, node: FocusNode, view: View) -> bool:
    """Return whether others showed a region, in views that hold nothing: it was not looked at itself."""
    if "exists" in node.scores or node.parent is None:
        return False
    side = _side(view(node.box)) * SCALE
    views = [
        shown
        for other in tree
        if other.scores.get("exists", 1.0) < HINT and _side(shown := view(other.box)) <= side
    ]
    return share_seen(node.box, views) >= ENOUGH if views else False


def apart(nodes: Sequence[FocusNode], view: View) -> list[FocusNode]:
    """Return the first nodes whose views leave something new to each: the rest may be seen by then."""
    chosen: list[FocusNode] = []
    for node in nodes:
        if not chosen or share_seen(node.box, [view(other.box) for other in chosen]) < ENOUGH:
            chosen.append(node)
    return chosen


def share_seen(box: Box, views: list[Box]) -> float:
    """Return the share of a box that lies inside views, measured on a grid of points."""
    steps = (np.arange(POINTS) + 0.5) / POINTS
    x = box.left + steps[None, :, None] * box.width
    y = box.top + steps[:, None, None] * box.height
    edges = np.array([tuple(view.grow(1 - 2 * BORDER)) for view in views])
    left, top, right, bottom = edges.T
    inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    return float(inside.any(-1).mean())


def _side(view: Box) -> float:
    return max(view.width, view.height)
