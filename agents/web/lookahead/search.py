"""Best-first search over real pages: try the best actions, value what they lead to, go on where it looks best."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agentkit.contracts.event import Decided, Imagined, LookedAhead, Note

from ....tools.browser import Action
from ..candidates import Candidate
from ..context import WebContext
from ..loops import PageKey
from ..offer import done_step
from ..page import load_snapshot, page_text
from ..prompt import View
from ..state import WebState
from .branch import Branches, not_to_try, unlike
from .config import LookAhead
from .value import Judge, judge_for

SPENT = "the budget of looking ahead is spent"
SAME = "it changes nothing"
KNOWN = "another way leads to the same page"
NOTHING = "nothing is left to try there"


class Proposal(NamedTuple):
    """An action that a policy would do, its share among those beside it, and the answer that goes with an end."""

    choice: Candidate
    likely: float
    text: str = ""


# Gives the proposals for a page that was looked at ahead, the best first.
Propose = Callable[[WebState], Awaitable[list[Proposal]]]


@dataclass(eq=False)
class Place:
    """A page of the tree, or an action that was not tried (``why``); ``value`` is between 0 and 1."""

    node: int
    above: Place | None
    depth: int
    proposal: Proposal | None
    state: WebState
    value: float = 0.0
    tried: bool = True
    why: str = ""
    below: list[Place] = field(default_factory=list)

    @property
    def words(self) -> str:
        return self.proposal.choice.words if self.proposal else ""

    @property
    def path(self) -> list[Action]:
        """The actions from the root to here."""
        if self.above is None or self.proposal is None or self.proposal.choice.action is None:
            return []
        return [*self.above.path, self.proposal.choice.action]

    @property
    def first(self) -> Place:
        """The place that the way here begins with, right below the root."""
        return self if self.above is None or self.above.above is None else self.above.first

    def told(self) -> Imagined:
        """Return the place for the run's events."""
        page = self.state["page"] if self.tried and self.why in ("", SAME, KNOWN, NOTHING) else {}
        return Imagined(
            node=self.node,
            above=self.above.node if self.above else None,
            depth=self.depth,
            action=self.words,
            likely=round(self.proposal.likely, 4) if self.proposal else 1.0,
            value=round(self.value, 4),
            tried=self.tried,
            why=self.why,
            url=page.get("url", ""),
            title=page.get("title", ""),
            page=page_text(load_snapshot(page), self.state["task"]) if page else "",
            image=self.state["screen"] if page else None,
        )


@dataclass
class Explorer:
    """Looks ahead from one page of a run. ``propose`` gives the actions of the pages that it comes to."""

    config: LookAhead
    context: WebContext
    propose: Propose
    view: Callable[[WebState], View]
    places: list[Place] = field(default_factory=list)
    spent: int = 0

    async def best(self, state: WebState, proposals: Sequence[Proposal]) -> Proposal | None:
        """Return the proposal that leads to the best page; None when the page can't be opened a second time.

        The tree is an event of the run, and so is the choice with what each action came to.
        """
        branches = Branches(self.context)
        if why := unlike(state, await branches.reach(state["seen"], ())):
            text = f"not looking ahead: this page can't be opened a second time ({why})"
            self.context.run.emit(Note(level="warning", text=text))
            return None
        judge = self.config.judge or judge_for(
            await self.context.model("decide"), imagine=self.config.imagine
        )
        root = self._add(None, None, state)
        await self._judge(judge, [root])
        await self._expand(root, proposals, branches, judge)
        while (place := self._next()) is not None:
            await self._expand(place, await self.propose(place.state), branches, judge)
        return self._told(root, judge)

    # ---- the tree ----

    def score(self, place: Place) -> float:
        """Return the value of a place as it counts from the root."""
        return place.value * self.config.discount ** max(place.depth - 1, 0)

    def _next(self) -> Place | None:
        """Return the best page that was not gone on from yet; None when the search is over."""
        if (
            self.spent >= self.config.budget
            or max(map(self.score, self.places[1:]), default=0) >= self.config.sure
        ):
            return None
        open_ = [
            p for p in self.places[1:] if p.tried and not (p.why or p.below) and p.depth < self.config.depth
        ]
        return max(open_, key=self.score, default=None)

    def _add(self, above: Place | None, proposal: Proposal | None, state: WebState) -> Place:
        place = Place(len(self.places), above, above.depth + 1 if above else 0, proposal, state)
        self.places.append(place)
        if above is not None:
            above.below.append(place)
        return place

    async def _expand(
        self, place: Place, proposals: Sequence[Proposal], branches: Branches, judge: Judge
    ) -> None:
        """Try the best actions of a page and value what they lead to, in one batch."""
        wanted = sorted(proposals, key=lambda proposal: -proposal.likely)[: self.config.width]
        if not wanted:
            place.why = NOTHING
            return
        fresh = [
            child for proposal in wanted if not (child := await self._try(place, proposal, branches)).why
        ]
        await self._judge(judge, fresh)
        likeliest = wanted[0].likely or 1.0
        for child in place.below:
            if not child.tried and child.proposal is not None:
                # Nothing is known of what it leads to: it counts as the page it starts from, the less the
                # less likely it is.
                child.value = place.value * child.proposal.likely / likeliest

    async def _try(self, place: Place, proposal: Proposal, branches: Branches) -> Place:
        child = self._add(place, proposal, place.state)
        snapshot = load_snapshot(place.state["page"])
        child.why = not_to_try(proposal.choice, snapshot, sandbox=self.context.config.sandbox)
        if not child.why and self.spent >= self.config.budget:
            child.why = SPENT
        child.tried = not child.why
        if not child.tried:
            return child
        self.spent += 1
        found = await branches.reach(self.places[0].state["seen"], child.path)
        if "why" in found:
            # What would be sent is not known to be bad; what fails is.
            child.why, child.tried = found["why"], not found.get("held", False)
            return child
        before = {p.node: self._key(p.state) for p in self.places[:-1] if p.tried}
        child.state = imagined(place.state, proposal.choice, found)
        key = self._key(child.state)
        if key == before[place.node]:
            child.why = SAME
        elif key in before.values():
            child.why = KNOWN
        return child

    async def _judge(self, judge: Judge, places: Sequence[Place]) -> None:
        if places:
            model = await self.context.model("decide")
            values = await judge.values(model, [self.view(place.state) for place in places])
            for place, value in zip(places, values, strict=True):
                place.value = value

    def _key(self, state: WebState) -> str:
        return PageKey.of(load_snapshot(state["page"]), state["task"]).exact

    # ---- what came of it ----

    def _told(self, root: Place, judge: Judge) -> Proposal | None:
        if not root.below:
            return None
        best = max(
            self.places[1:], key=lambda p: (self.score(p), p.first.proposal.likely if p.first.proposal else 0)
        )
        proposal = best.first.proposal
        assert proposal is not None, "every place below the root has an action"
        ways = [max(self.score(p) for p in self.places[1:] if p.first is first) for first in root.below]
        rule = f"the best page within {self.config.depth} actions: {judge.name}"
        self.context.run.emit(
            LookedAhead(
                task=self.view(root.state).instruction,
                done=[step["words"] for step in root.state["history"]],
                nodes=[place.told() for place in self.places],
                choice=proposal.choice.words,
                best=best.node,
                budget=self.config.budget,
                rule=rule,
            )
        )
        options = [first.words for first in root.below]
        self.context.run.emit(Decided(choice=proposal.choice.words, options=options, scores=ways, rule=rule))
        return proposal


def imagined(state: WebState, choice: Candidate, found: dict[str, Any]) -> WebState:
    """Return the state of the run as it would be after an action that led to a page."""
    step = done_step(state, choice, True, "tried in a second tab")
    history = [*state["history"], step]
    return {**state, "page": found["page"], "screen": found["screen"], "history": history, "abstract": ""}
