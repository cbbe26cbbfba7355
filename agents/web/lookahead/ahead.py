"""Looking ahead as the decide node uses it: what a policy would do next, looked at ahead, gives the choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..candidates import Candidate
from ..context import WebContext
from ..offer import Offer, offered
from ..prompt import View
from ..rank import Ranking
from ..state import WebState
from .config import LookAhead
from .search import Explorer, Proposal, Propose

ViewOf = Callable[[WebState], View]


@dataclass(frozen=True)
class RankedAhead:
    """Looks ahead over the actions that a model ranks highest."""

    config: LookAhead
    ranking: Ranking
    offer: Offer

    async def choose(
        self, options: Sequence[Candidate], state: WebState, view_of: ViewOf, context: WebContext
    ) -> Candidate | None:
        """Return the option that leads to the best page; None when nothing can be looked at ahead."""
        if len(options) < 2:
            return None

        async def propose(there: WebState) -> list[Proposal]:
            view = view_of(there)
            return await self._ranked(offered(there, view, (), policy=self.offer).candidates, view, context)

        proposals = await self._ranked(options, view_of(state), context)
        best = await Explorer(self.config, context, propose, view_of).best(state, proposals)
        return best.choice if best else None

    async def _ranked(self, options: Sequence[Candidate], view: View, context: WebContext) -> list[Proposal]:
        """Return the options with their shares in the ranking, the likeliest first."""
        if len(options) < 2:
            return [Proposal(option, 1.0) for option in options]
        model = await context.model("decide")
        scores = await self.ranking.score(model, view, options)
        pairs = zip(options, shares(scores), strict=True)
        return sorted((Proposal(*pair) for pair in pairs), key=lambda proposal: -proposal.likely)


@dataclass(frozen=True)
class WrittenAhead:
    """Looks ahead over several actions that a model writes at once, the best first."""

    config: LookAhead
    write: Propose

    async def choose(self, state: WebState, view_of: ViewOf, context: WebContext) -> Proposal | None:
        """Return the proposal that leads to the best page; None when nothing can be looked at ahead."""
        proposals = await self.write(state)
        if len(proposals) < 2:
            return None
        return await Explorer(self.config, context, self.write, view_of).best(state, proposals)


def shares(scores: Sequence[float]) -> list[float]:
    """Return the softmax of scores (log-likelihoods)."""
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    return [weight / sum(weights) for weight in weights]
