"""The drawing of a search tree: where its regions go on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report_search import Region


class Tree:
    """A drawn tree: a row a level, each region over the middle of those below it.

    ``spots`` are (region, x, y, radius), ``lines`` (lower region, x1, y1, x2, y2); all in pixels, inside ``width``
    times ``height``. ``labelled``: there is room for numbers.
    """

    ROW = 54
    WIDTH = 1080

    def __init__(self, below: dict[int | None, list[Region]]) -> None:
        regions = ordered(below)
        gap = min(max(self.WIDTH / max(sum(r.node not in below for r in regions), 1), 9.0), 44.0)
        self.labelled = gap >= 18
        largest = min(gap / 2 - 1, 17.0)
        places: dict[int, float] = {}
        self.width = 0.0
        for region in reversed(regions):
            # Lower regions come first here, and from right to left.
            under = [places[other.node] for other in below.get(region.node, [])]
            if not under:
                self.width += gap
            places[region.node] = sum(under) / len(under) if under else self.width - gap / 2
        top = min((region.depth for region in regions), default=0)
        rows = {region.node: (region.depth - top + 0.5) * self.ROW for region in regions}
        self.height = max(rows.values(), default=0.0) + self.ROW / 2
        self.spots: list[tuple[Region, float, float, float]] = []
        self.lines: list[tuple[Region, float, float, float, float]] = []
        for region in regions:
            x, y = self.width - places[region.node], rows[region.node]
            radius = largest * (0.6 + 0.4 * region.score) if region.visited else min(largest, 3.5)
            self.spots.append((region, x, y, radius))
            if region.above in places:
                self.lines.append((region, self.width - places[region.above], rows[region.above], x, y))


def ordered(below: dict[int | None, list[Region]]) -> list[Region]:
    """Return the regions of a tree, each right before those below it; ``below`` None are the topmost."""
    # Not by recursion: a tree may be deeper than Python's stack.
    found, stack = [], below.get(None, [])[::-1]
    while stack:
        region = stack.pop()
        found.append(region)
        stack += below.get(region.node, [])[::-1]
    return found
