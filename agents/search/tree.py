"""The focus tree: every region that a search looked at or may look at, whatever the strategy.

A focus is a region of the original picture with the text that it is looked at for (DyFo's notion; V* and ZoomEye
keep one text for the whole tree). The tree is plain data when dumped, so that a search can stop after any step
and go on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agentkit.content import Box
from agentkit.contracts.event import Looked, Part, Seen
from agentkit.errors import UsageError

from .aim import Aim
from .geometry import same_thing, whole
from .heat import Heat

# Of a heat map with more cells, an event holds the hottest.
MAX_CELLS = 1024


class Find(NamedTuple):
    """Something that was found: its box in pixels of the original, how sure (0..1), and what is written there."""

    box: Box
    confidence: float
    text: str | None = None

    def dump(self) -> list[Any]:
        """Return the find as plain JSON data."""
        return [*self.box, self.confidence, self.text]

    @classmethod
    def load(cls, row: Sequence[Any]) -> Find:
        """Return the find of ``dump``; runs of earlier versions have no text."""
        return cls(Box(*row[:4]), row[4], row[5] if len(row) > 5 else None)


@dataclass
class FocusNode:
    """A region and what is known of it.

    ``depth`` is 0 at the root. ``scores`` are by name (``exists``, ``priority``, ...). ``order`` is the place in
    the order of visits, from 0; None while it is only a candidate. ``heat`` says where in it to look next.
    ``find`` is the best that was found while visiting it. A ``closed`` node will not be visited.
    """

    id: int
    box: Box
    about: str
    depth: int = 0
    parent: int | None = None
    scores: dict[str, float] = field(default_factory=dict)
    order: int | None = None
    heat: Heat | None = None
    find: Find | None = None
    closed: bool = False

    @property
    def visited(self) -> bool:
        return self.order is not None

    def saw(self, finds: Sequence[Find]) -> None:
        """Keep the best of what was found in the region (best first), if anything was."""
        if finds:
            self.find = finds[0]
            self.scores["confidence"] = finds[0].confidence

    def dump(self) -> dict[str, Any]:
        """Return the node as plain JSON data."""
        return {
            "id": self.id,
            "box": list(self.box),
            "about": self.about,
            "depth": self.depth,
            "parent": self.parent,
            "scores": dict(self.scores),
            "order": self.order,
            "heat": None if self.heat is None else self.heat.dump(),
            "find": None if self.find is None else self.find.dump(),
            "closed": self.closed,
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> FocusNode:
        """Return the node of ``dump``."""
        heat, find = data["heat"], data["find"]
        return cls(
            **{
                **data,
                "box": Box(*data["box"]),
                "scores": dict(data["scores"]),
                "heat": None if heat is None else Heat.load(heat),
                "find": None if find is None else Find.load(find),
            }
        )


class FocusTree:
    """The regions of one search in one picture.

    ``image`` is the picture's digest, ``size`` its (width, height). ``finds`` is the outcome, best first, and
    ``places`` has the node of each; both are empty until something was found for sure or the search has ended, and
    ``done`` says that it has. Boxes are clipped to the picture; one with nothing inside raises ``UsageError``.
    ``strategy`` names who searches, for the report. ``memo``: numbers that a strategy keeps between its steps.
    """

    def __init__(self, image: str, size: tuple[int, int], aim: Aim | str, strategy: str = "") -> None:
        self.strategy = strategy
        self.image = image
        self.size = (int(size[0]), int(size[1]))
        self.aim = Aim.of(aim)
        self.nodes: list[FocusNode] = []
        self.finds: list[Find] = []
        self.places: list[int] = []
        self.done = False
        self.looks = 0
        self.memo: dict[str, float] = {}
        self.add(None, whole(self.size))

    @property
    def about(self) -> str:
        """What is looked for."""
        return self.aim.about

    @property
    def root(self) -> FocusNode:
        return self.nodes[0]

    def __getitem__(self, node: int) -> FocusNode:
        return self.nodes[node]

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[FocusNode]:
        return iter(self.nodes)

    def add(self, parent: FocusNode | None, box: Box, about: str | None = None) -> FocusNode:
        """Add a region below ``parent`` and return it."""
        inside = Box.of(*box).clip(whole(self.size))
        if inside.area <= 0:
            raise UsageError(f"box {tuple(box)} has nothing inside the picture of {self.size} pixels")
        depth, above = (0, None) if parent is None else (parent.depth + 1, parent.id)
        node = FocusNode(len(self.nodes), inside, about or self.about, depth, above)
        self.nodes.append(node)
        return node

    def visit(self, node: FocusNode) -> None:
        """Give a node its place in the order of visits."""
        if not node.visited:
            node.order = self.visits

    @property
    def visits(self) -> int:
        """How many nodes were visited."""
        return sum(node.visited for node in self.nodes)

    def children(self, node: FocusNode) -> list[FocusNode]:
        return [other for other in self.nodes if other.parent == node.id]

    def ancestors(self, node: FocusNode) -> list[FocusNode]:
        """Return the nodes above, from the parent up to the root."""
        above = []
        while node.parent is not None:
            node = self.nodes[node.parent]
            above.append(node)
        return above

    def path(self, node: FocusNode) -> list[Box]:
        """Return the boxes from the whole picture down to the node."""
        return [other.box for other in (*reversed(self.ancestors(node)), node)]

    def candidates(self) -> list[FocusNode]:
        """Return the nodes that may still be visited, in the order in which they were added."""
        return [node for node in self.nodes if not node.visited and not node.closed]

    def best(self) -> tuple[FocusNode, Find] | None:
        """Return the best find so far and where it was made (the first of equals); None before any."""
        found = [(node, node.find) for node in self.nodes if node.find is not None]
        return max(found, key=lambda item: item[1].confidence, default=None)

    def take(self, node: FocusNode, finds: Sequence[Find], sure: float) -> None:
        """Visit a node with what the expert found there; finds above ``sure`` end the search.

        Several instances are taken from a visit of the whole picture only (V*). Where every one is wanted, sure finds
        are collected and the search goes on.
        """
        self.visit(node)
        node.saw(finds)
        certain = [find for find in finds if find.confidence > sure]
        if certain and self.aim.every:
            self.collect(node, certain)
        elif certain:
            self.end(node, certain if node.parent is None else certain[:1])

    def end(self, node: FocusNode, finds: Sequence[Find]) -> None:
        """End the search with what was found at a node."""
        self.finds, self.places, self.done = list(finds), [node.id] * len(finds), True

    def collect(self, node: FocusNode, finds: Iterable[Find]) -> None:
        """Add sure finds to those of other regions; the same thing seen twice counts once, as it was seen best."""
        for find in finds:
            same = [i for i, known in enumerate(self.finds) if same_thing(known.box, find.box)]
            if any(self.finds[i].confidence >= find.confidence for i in same):
                continue
            for index in reversed(same):
                del self.finds[index], self.places[index]
            self.finds.append(find)
            self.places.append(node.id)

    def settle(self, least: float) -> None:
        """End the search, unless it has ended, with the best find so far if its confidence is at least that."""
        if self.done:
            return
        best = None if self.finds else self.best()
        if best is not None and best[1].confidence >= least:
            self.end(best[0], [best[1]])
        self.done = True

    def looked(self, node: FocusNode) -> Looked:
        """Return the event that reports a visited node, with the regions below it that wait for a visit."""
        heat = [] if node.heat is None else [cell for cell in node.heat.cells if cell[1] > 0]
        hottest = sorted(heat, key=lambda cell: -cell[1])[:MAX_CELLS]
        waiting = [child for child in self.children(node) if not child.visited]
        return Looked(
            image=self.image,
            box=_flat(node.box),
            about=node.about,
            node=node.id,
            above=node.parent,
            depth=node.depth,
            scores=_short(node.scores),
            found=node.id in self.places,
            strategy=self.strategy,
            sought=self.about,
            find=None if node.find is None else _seen(node.find),
            heat=[(*_flat(box), round(value, 4)) for box, value in hottest],
            parts=[
                Part(node=child.id, box=_flat(child.box), scores=_short(child.scores), closed=child.closed)
                for child in waiting
            ],
        )

    def dump(self) -> dict[str, Any]:
        """Return the tree as plain JSON data."""
        return {
            "strategy": self.strategy,
            "image": self.image,
            "size": list(self.size),
            "aim": self.aim.dump(),
            "nodes": [node.dump() for node in self.nodes],
            "finds": [find.dump() for find in self.finds],
            "done": self.done,
            "places": self.places,
            "looks": self.looks,
            "memo": dict(self.memo),
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> FocusTree:
        """Return the tree of ``dump``."""
        width, height = data["size"]
        tree = cls(data["image"], (width, height), Aim.load(data["aim"]), data["strategy"])
        tree.nodes = [FocusNode.load(node) for node in data["nodes"]]
        tree.finds = [Find.load(row) for row in data["finds"]]
        tree.places, tree.memo = list(data["places"]), dict(data["memo"])
        tree.done, tree.looks = data["done"], data["looks"]
        return tree


def _flat(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom


def _short(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}


def _seen(find: Find) -> Seen:
    return Seen(box=_flat(find.box), confidence=round(find.confidence, 4), text=find.text)
