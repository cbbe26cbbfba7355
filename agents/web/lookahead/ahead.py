"""Looking ahead as the decide node uses it: what a policy would do next, looked at ahead, gives the choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace

from agentkit.content import Text
from agentkit.contracts.event import Decided
from agentkit.errors import ModelError, ToolError
from agentkit.models import Model, Sampling

from ..candidates import Candidate
from ..context import WebContext
from ..generate import Writing, action_schema, candidate_of, generation_prompt
from ..offer import Offer, offered
from ..prompt import View
from ..rank import Ranking
from ..state import WebState
from .config import LookAhead
from .search import Explorer, Proposal

ViewOf = Callable[[WebState], View]
SEVERAL = "The next action, and up to {} others that could be right instead, the best first, as"


@dataclass(frozen=True)
class RankedAhead:
    """Looks ahead over the actions that a model ranks highest."""

    config: LookAhead
    ranking: Ranking
    offer: Offer
    actions: Container[str]

    async def choose(
        self, options: Sequence[Candidate], state: WebState, view_of: ViewOf, context: WebContext
    ) -> Candidate | None:
        """Return the option that leads to the best page; None when nothing can be looked at ahead."""
        if len(options) < 2:
            return None

        async def propose(there: WebState) -> list[Proposal]:
            view = view_of(there)
            found = offered(there, view, (), policy=self.offer).candidates
            allowed = [c for c in found if c.action is None or c.action.name in self.actions]
            return await self._ranked(allowed, view, context)

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
    """Looks ahead over several actions that a model writes at once, the best first.

    ``writing``: how the model is asked about a page.
    """

    config: LookAhead
    writing: Callable[[WebState], Writing]

    async def choose(self, state: WebState, view_of: ViewOf, context: WebContext) -> Proposal:
        """Return the proposal that leads to the best page; the model's first where nothing can be looked at ahead.

        Raises ``ToolError`` when the model names nothing that is there.
        """
        model = await context.model("decide")

        async def propose(there: WebState) -> list[Proposal]:
            try:
                return await write_several(model, view_of(there), self.writing(there), self.config.width)
            except ToolError:
                # On a page that is only imagined there is then nothing to go on with.
                return []

        proposals = await write_several(model, view_of(state), self.writing(state), self.config.width)
        if len(proposals) < 2:
            context.run.emit(Decided(choice=proposals[0].choice.words))
            return proposals[0]
        best = await Explorer(self.config, context, propose, view_of).best(state, proposals)
        if best is None:
            context.run.emit(Decided(choice=proposals[0].choice.words))
        return best or proposals[0]


async def write_several(model: Model, view: View, writing: Writing, count: int) -> list[Proposal]:
    """Return up to ``count`` different actions that a model writes in one reply, the best first.

    The first counts twice as likely as the second, and so on. Raises ``ToolError`` when none of them is there.
    """
    kinds = action_schema(view, writing)
    actions = {"type": "array", "items": kinds, "minItems": 1, "maxItems": count}
    schema = {
        "type": "object",
        "properties": {"actions": actions},
        "required": ["actions"],
        "additionalProperties": False,
    }
    *messages, last = generation_prompt(view, writing)
    asked = Text(f'{SEVERAL.format(count)} {{"actions": [...]}}', "query")
    prompt = [*messages, replace(last, parts=(*last.parts[:-1], asked))]
    reply = await model.generate(prompt, schema=schema, sampling=Sampling(max_tokens=200 * count))
    if not isinstance(reply.data, Mapping) or not reply.data.get("actions"):
        raise ModelError(f"{model.reference} wrote no actions: {reply.text[:200]!r}")
    found: dict[str, tuple[Candidate, str]] = {}
    missing: list[ToolError] = []
    for item in reply.data["actions"][:count]:
        try:
            choice, text = candidate_of(item, view)
        except ToolError as error:
            missing.append(error)
            continue
        found.setdefault(choice.words, (choice, text))
    if not found:
        raise missing[0]
    weights = [0.5**place for place in range(len(found))]
    pairs = zip(found.values(), weights, strict=True)
    return [Proposal(choice, weight / sum(weights), text) for (choice, text), weight in pairs]


def shares(scores: Sequence[float]) -> list[float]:
    """Return the softmax of scores (log-likelihoods)."""
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    return [weight / sum(weights) for weight in weights]
