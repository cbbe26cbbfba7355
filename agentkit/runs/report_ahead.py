"""What a report shows of looking ahead: the tree of pages that were tried before a decision, and what each was worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..contracts import event as ev
from .report_tree import Tree, ordered


@dataclass
class Page:
    """A page of the tree, or an action that was not tried; ``order`` counts the pages that were, from 0."""

    event: ev.Imagined
    order: int
    way: bool

    @property
    def node(self) -> int:
        return self.event.node

    @property
    def above(self) -> int | None:
        return self.event.above

    @property
    def depth(self) -> int:
        return self.event.depth

    @property
    def score(self) -> float:
        return self.event.value

    @property
    def visited(self) -> bool:
        return self.event.tried

    @property
    def state(self) -> str:
        """What it is in the end, as the tree of a visual search names it."""
        return "visited" if self.visited and not self.event.why else "closed"

    @property
    def title(self) -> str:
        """One line: the action that leads there, what is there, its value, and why it was not gone on from."""
        name = self.event.action or "this page"
        told = [f"{self.event.value:.2f}", self.event.title, self.event.why]
        return f"{name}: {', '.join(part for part in told if part)}"


@dataclass
class Ahead:
    """One look ahead: its pages from the top down, each right above those it leads to."""

    event: ev.LookedAhead
    pages: list[Page]

    @property
    def tried(self) -> int:
        return sum(page.visited for page in self.pages if page.above is not None)

    @property
    def levels(self) -> int:
        return max((page.depth for page in self.pages), default=0)

    def below(self) -> dict[int | None, list[Page]]:
        """Return the pages by the one that they are reached from."""
        found: dict[int | None, list[Page]] = {}
        for page in self.pages:
            found.setdefault(page.above, []).append(page)
        return found

    def tree(self) -> Tree[Page]:
        """Return the drawing of the tree."""
        return Tree(self.below())


def looks_ahead(events: Iterable[ev.EventBase]) -> list[Ahead]:
    """Return every look ahead of a run."""
    return [_ahead(event) for event in events if isinstance(event, ev.LookedAhead)]


def _ahead(event: ev.LookedAhead) -> Ahead:
    above = {node.node: node.above for node in event.nodes}
    way, at = set(), event.best if event.best in above else None
    while at is not None:
        way.add(at)
        at = above.get(at)
    order, pages = 0, []
    for node in event.nodes:
        pages.append(Page(node, order, node.node in way))
        order += node.tried
    whole = Ahead(event, pages)
    whole.pages = ordered(whole.below())
    return whole
