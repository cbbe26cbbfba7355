"""The visual searches of a run, as a report shows them: regions in a tree, looks in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..content.box import box_text
from ..contracts import event as ev
from ..contracts.result import Evidence
from .report_tree import Tree, ordered

Box = tuple[float, float, float, float]

# Heat of all looks of a search together, in cells; what does not fit are the coldest cells of each look.
MAX_CELLS = 20_000
# Above this many regions of a tree, those that were never looked at are left out of its drawing.
MAX_DRAWN = 160
# Text of a page or a model may be long, and is repeated for every region.
MAX_NAME = 200

# What a strategy does, in words. A strategy that is not here is shown without.
STRATEGIES = {
    "vstar": (
        "V* looks at the whole picture first. A region where the thing is not surely seen is cut into parts; all "
        "parts wait in one queue, and the one with the highest priority is looked at next, wherever it lies. The "
        "search ends at the first sure find, or, with nothing left to look at, with the best doubtful one."
    ),
    "zoomeye": (
        "ZoomEye zooms in and out of a tree of regions, the most promising first: near the top those where the "
        "thing could hide, near the bottom those where it is seen. It ends when the model is sure enough that the "
        "question can be answered from a region; the longer it takes, the less sure it has to be."
    ),
    "dyfo": (
        "DyFo moves a focus: to the things that the model and an expert agree on, or wider, to get lost context "
        "back. Every new focus gets a reward, which counts for all above it; the next move starts where rewards "
        "are high or few were tried. In the end the focuses vote on the answer, by their rewards."
    ),
    "grid": (
        "The full scan asks for every tile of the picture whether the thing is in it, then looks closely at the "
        "likeliest tiles, one after the other, until it is surely found."
    ),
}

# The score that tells most of a region, the best first; else it is the first between 0 and 1.
TELLING = ("exists", "answering", "reward", "confidence")

# What the scores mean, by name.
SCORES = {
    "exists": "how likely the thing is seen there",
    "latent": "how likely it could be found there by looking closer (-1 to 1)",
    "prior": "how promising it was before it was tried",
    "answering": "how surely the question can be answered from there (-1 to 1)",
    "candidate": "1 where that was sure enough",
    "priority": "the place in the queue: the highest is looked at next",
    "confidence": "how sure the find is that was made there",
    "again": "how sure it was when it was looked at once more, from closer or farther",
    "cue": "the strongest sign of the thing in a part of the region",
    "context": "1 where the model named a likely place instead of the thing",
    "reward": "what the focus is worth: agreement of model and expert, times its size",
    "visits": "how many looks went through there",
    "value": "the mean reward of the looks that went through there",
}


@dataclass
class Region:
    """A region of a search. ``since``: the look that named it; ``orders``: the looks at it, counted from 1.

    ``hopes`` are its scores while it waited, ``scores`` the newest.
    """

    node: int
    above: int | None
    depth: int
    box: Box
    about: str
    since: int
    scores: dict[str, float] = field(default_factory=dict)
    hopes: dict[str, float] = field(default_factory=dict)
    orders: list[int] = field(default_factory=list)
    closed: bool = False
    found: bool = False

    @property
    def visited(self) -> bool:
        return bool(self.orders)

    @property
    def order(self) -> int:
        """The first look at it; of one that was never looked at, 0."""
        return self.orders[0] if self.orders else 0

    @property
    def state(self) -> str:
        """What it is in the end: found, visited, closed or waiting."""
        return (
            "found" if self.found else "visited" if self.visited else "closed" if self.closed else "waiting"
        )

    @property
    def score(self) -> float:
        """The score that is shown by colour and size, 0 to 1."""
        return main_score(self.scores) or 0.0

    @property
    def area(self) -> float:
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])

    @property
    def title(self) -> str:
        """One line: the looks at it, its box, its scores."""
        scores = ", ".join(f"{name} {value:.3g}" for name, value in self.scores.items())
        head = f"{', '.join(map(str, self.orders))}: " if self.orders else ""
        return f"{head}{box_text(self.box)} for {_cut(self.about)}" + (f": {scores}" if scores else "")


@dataclass
class Look:
    """One look at a region, with what was known right after it. ``waiting``: how many regions were left to visit."""

    order: int
    region: Region
    event: ev.Looked
    waiting: int = 0


@dataclass
class Search:
    """One search for one thing in one picture: its looks in time, its regions, and (look, region, what it found).

    What is found is told after the last look; the region that holds it may have been looked at before.
    """

    image: str
    about: str
    strategy: str = ""
    looks: list[Look] = field(default_factory=list)
    regions: dict[int, Region] = field(default_factory=dict)
    finds: list[tuple[int, Region, Evidence]] = field(default_factory=list)

    @property
    def found(self) -> list[Evidence]:
        return [item for _, _, item in self.finds]

    @property
    def visited(self) -> list[Region]:
        """The regions that were looked at, by their first look."""
        return sorted((r for r in self.regions.values() if r.visited), key=lambda region: region.order)

    @property
    def largest_first(self) -> list[Region]:
        """All regions so that a smaller one is drawn over a larger one."""
        return sorted(self.regions.values(), key=lambda region: (-region.area, region.node))

    @property
    def levels(self) -> int:
        return 1 + max((region.depth for region in self.visited), default=0)

    @property
    def heated(self) -> bool:
        """Whether any look said where to look next."""
        return any(look.event.heat for look in self.looks)

    @property
    def words(self) -> str:
        return STRATEGIES.get(self.strategy, "")

    @property
    def glossary(self) -> list[tuple[str, str]]:
        """(name, meaning) of the scores that occur and are known."""
        names = dict.fromkeys(name for region in self.regions.values() for name in region.scores)
        return [(name, SCORES[name]) for name in names if name in SCORES]

    def top_down(self) -> list[Region]:
        """Return the visited regions depth first: each right below the one that it is a part of."""
        return ordered(self._below(self.visited))

    def path(self, region: Region) -> list[Region]:
        """Return the known regions from the top down to this one."""
        path = [region]
        while region.above in self.regions and self.regions[region.above] not in path:
            region = self.regions[region.above]
            path.append(region)
        return path[::-1]

    def look_at(self, item: Evidence) -> int | None:
        """Return the look by which a piece of evidence was found, None when this search did not find it."""
        place = (item.image, item.box, item.label)
        return next((order for order, _, o in self.finds if (o.image, o.box, o.label) == place), None)

    def data(self) -> dict[str, Any]:
        """Return what the slider needs, as plain JSON data."""
        cells = max(MAX_CELLS // max(len(self.looks), 1), 16)
        return {
            "regions": {
                str(region.node): {
                    "box": region.box,
                    "about": _cut(region.about),
                    "above": region.above,
                    "since": region.since,
                    "orders": region.orders,
                    "closed": region.closed,
                    "hopes": region.hopes,
                }
                for region in self.regions.values()
            },
            "looks": [
                {
                    "node": look.region.node,
                    "scores": look.event.scores,
                    "find": _find(look.event.find),
                    "heat": [[round(v, 4) for v in cell] for cell in look.event.heat[:cells]],
                    "waiting": look.waiting,
                }
                for look in self.looks
            ],
            "finds": [
                {"look": order, "node": region.node, "box": item.box, "confidence": item.score}
                for order, region, item in self.finds
            ],
            "meanings": dict(self.glossary),
        }

    def add(self, event: ev.Looked) -> None:
        """Take a look into the search. One that repeats an earlier one exactly was replayed after a crash."""
        if any(_same(look.event, event) for look in self.looks if look.region.node == event.node):
            return
        order = len(self.looks) + 1
        region = self.regions.get(event.node)
        if region is None:
            region = Region(event.node, event.above, event.depth, event.box, event.about, order)
            self.regions[event.node] = region
        region.orders.append(order)
        region.box, region.about = event.box, event.about
        region.scores = dict(event.scores)
        region.found = region.found or event.found
        for part in event.parts:
            self._name(part, event, order)
        waiting = sum(not (region.visited or region.closed) for region in self.regions.values())
        self.looks.append(Look(order, region, event, waiting))
        self.strategy = self.strategy or event.strategy

    def find(self, item: Evidence) -> None:
        """Take what was found, once: in the region where its path ends, else in the one looked at last."""
        if item in self.found:
            return
        last = self.looks[-1].region
        ends = [r for r in self.visited if item.path and tuple(r.box) == tuple(item.path[-1])]
        region = last if not ends or last in ends else ends[-1]
        region.found = True
        self.finds.append((len(self.looks), region, item))

    def _name(self, part: ev.Part, event: ev.Looked, order: int) -> None:
        """Take a region that waits; one that was named before keeps its time, and gets its newest scores."""
        known = self.regions.get(part.node)
        if known is not None and known.visited:
            return
        self.regions[part.node] = Region(
            part.node,
            event.node,
            event.depth + 1,
            part.box,
            event.about,
            order if known is None else known.since,
            scores=dict(part.scores),
            hopes=dict(part.scores),
            closed=part.closed,
        )

    def _below(self, regions: Iterable[Region]) -> dict[int | None, list[Region]]:
        kept = {region.node: region for region in regions}
        below: dict[int | None, list[Region]] = {}
        for region in kept.values():
            below.setdefault(region.above if region.above in kept else None, []).append(region)
        return below

    def tree(self) -> Tree[Region]:
        """Return the drawing of the tree."""
        drawn = [*self.visited, *(r for r in self.regions.values() if not r.visited)]
        return Tree(self._below(drawn if len(drawn) <= MAX_DRAWN else self.visited))


def searches(events: Iterable[ev.EventBase], strategy: str = "") -> list[Search]:
    """Return the searches of a run; ``strategy`` is theirs where the events do not say it.

    Searches of inner agents are told apart by the span that they ran in.
    """
    found: dict[tuple[str, str, str], Search] = {}
    latest: dict[str, Search] = {}
    for event in events:
        if isinstance(event, ev.Looked):
            if event.sought or event.above is None or event.image not in latest:
                about = event.sought or event.about
                scope = event.span.rpartition("/")[0]
                key = (scope, event.image, about)
                latest[event.image] = found.setdefault(key, Search(event.image, about))
            latest[event.image].add(event)
        elif isinstance(event, ev.Found) and event.evidence.image in latest and event.evidence.box:
            latest[event.evidence.image].find(event.evidence)
    for search in found.values():
        search.strategy = search.strategy or strategy
    return list(found.values())


def main_score(scores: Mapping[str, float]) -> float | None:
    """Return the score that tells most of a region, between 0 and 1; None when it has none."""
    ranked = sorted(scores, key=lambda name: TELLING.index(name) if name in TELLING else len(TELLING))
    value = next((scores[name] for name in ranked if name in TELLING or 0 <= scores[name] <= 1), None)
    return None if value is None else min(max(value, 0.0), 1.0)


def _same(one: ev.Looked, other: ev.Looked) -> bool:
    told = {"seq", "time", "span", "parent"}
    return one.model_dump(exclude=told) == other.model_dump(exclude=told)


def _find(seen: ev.Seen | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {"box": seen.box, "confidence": seen.confidence, "text": _cut(seen.text or "")}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"
