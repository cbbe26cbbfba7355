"""The drawing of a search tree: where its regions go on the page."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Drawn(Protocol):
    """What has a place in a tree: ``score`` is between 0 and 1."""

    @property
    def node(self) -> int: ...
    @property
    def above(self) -> int | None: ...
    @property
    def depth(self) -> int: ...
    @property
    def visited(self) -> bool: ...
    @property
    def score(self) -> float: ...


D = TypeVar("D", bound=Drawn)


class Tree(Generic[D]):
    """A drawn tree: a row a level, each region over the middle of those below it.

    ``spots`` are (region, x, y, radius), ``lines`` (lower region, x1, y1, x2, y2); all in pixels, inside ``width``
    times ``height``. ``labelled``: there is room for numbers.
    """

    ROW = 54
    WIDTH = 1080
    # How wide a region that was visited is, and one that was not; they grow and shrink with the room there is.
    VISITED, WAITING = 26.0, 11.0
    SMALLEST, LARGEST = 0.35, 1.6

    def __init__(self, below: dict[int | None, list[D]]) -> None:
        regions = ordered(below)
        widths: dict[int, float] = {}
        for region in reversed(regions):
            under = sum(widths[other.node] for other in below.get(region.node, []))
            widths[region.node] = max(self.VISITED if region.visited else self.WAITING, under)
        whole = sum(widths[region.node] for region in below.get(None, []))
        scale = min(max(self.WIDTH / max(whole, 1.0), self.SMALLEST), self.LARGEST)
        self.width = whole * scale
        self.labelled = self.VISITED * scale >= 18
        largest = min(self.VISITED * scale / 2 - 1, 17.0)
        places = _places(below, regions, {node: width * scale for node, width in widths.items()})
        top = min((region.depth for region in regions), default=0)
        rows = {region.node: (region.depth - top + 0.5) * self.ROW for region in regions}
        self.height = max(rows.values(), default=0.0) + self.ROW / 2
        self.spots: list[tuple[D, float, float, float]] = []
        self.lines: list[tuple[D, float, float, float, float]] = []
        for region in regions:
            x, y = places[region.node], rows[region.node]
            radius = largest * (0.6 + 0.4 * region.score) if region.visited else min(largest, 3.5)
            self.spots.append((region, x, y, radius))
            if region.above in places:
                self.lines.append((region, places[region.above], rows[region.above], x, y))


def _places(below: dict[int | None, list[D]], regions: list[D], widths: dict[int, float]) -> dict[int, float]:
    """Return the middle of each region; those below one stand side by side in the middle of its width."""
    places: dict[int, float] = {}
    at = 0.0
    for region in below.get(None, []):
        places[region.node] = at + widths[region.node] / 2
        at += widths[region.node]
    for region in regions:
        under = below.get(region.node, [])
        at = places[region.node] - sum(widths[other.node] for other in under) / 2
        for other in under:
            places[other.node] = at + widths[other.node] / 2
            at += widths[other.node]
    return places


def ordered(below: dict[int | None, list[D]]) -> list[D]:
    """Return the regions of a tree, each right before those below it; ``below`` None are the topmost."""
    # Not by recursion: a tree may be deeper than Python's stack.
    found, stack = [], below.get(None, [])[::-1]
    while stack:
        region = stack.pop()
        found.append(region)
        stack += below.get(region.node, [])[::-1]
    return found
