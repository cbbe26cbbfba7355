"""Weighs a draft answer: is it enough, is another search worth its price, is it better to refuse?"""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.models import Model

from .critic import Critic, worth
from .critic import Draft as Judged
from .features import features
from .planning import Draft, View
from .state import Judgement

# Without a critic: an answer whose weakest link covers less of its sub-question is not given.
COVERED = 0.6
# Without a critic: the model knows what it says every time, this surely (mean nats a token).
KNOWN = (1.0, -0.1)
# What no source needs to bear out.
OWN_GROUND = ("computed", "user", "given")


@dataclass(frozen=True)
class Judge:
    """The rules of stopping, with a critic or without one; the baselines stop when their steps are done."""

    strategy: str
    critic: Critic | None
    price: float

    async def weigh(self, model: Model, view: View, draft: Draft) -> Judgement:
        """Return how likely a draft is right, with what that was judged by."""
        found = features(view.task, draft.answer, draft.chain, open_parts=draft.open)
        if draft.answer is None:
            chance = 0.0
        elif self.critic is not None:
            chance = await self.critic.judge(model, Judged(view.task, draft.answer, draft.chain, found))
        else:
            chance = min((finding.covers for finding in draft.chain), default=0.0)
        return Judgement(round=view.round, draft=draft.answer, probability=chance, features=found)

    def enough(self, draft: Draft, judgement: Judgement) -> bool:
        """Say whether to stop at a draft that leaves no sub-question open."""
        if self.strategy != "plan":
            return True
        if self.critic is not None:
            return not worth(self.critic, judgement.probability, self.price)
        last = draft.chain[-1] if draft.chain else None
        if last is not None and last.origin == "own":
            return last.probability >= KNOWN[0] and last.logprob >= KNOWN[1]
        return True

    def refuses(self, draft: Draft, judgement: Judgement | None) -> bool:
        """Say whether a draft that nothing can better is not to be given as the answer."""
        if self.strategy == "none" or (draft.chain and draft.chain[-1].origin in OWN_GROUND):
            return draft.answer is None
        if self.critic is not None:
            return judgement is not None and judgement.probability < self.critic.refuse
        return min((finding.covers for finding in draft.chain), default=0.0) < COVERED


def weakest(draft: Draft) -> list[str]:
    """Return the sub-question whose finding is least sure."""
    chain = [finding for finding in draft.chain if finding.origin == "source"] or draft.chain
    return [min(chain, key=lambda finding: finding.covers).action.ask] if chain else draft.left
