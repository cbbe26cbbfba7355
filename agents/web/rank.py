"""Decide by ranking: the likelihood of each candidate as the reply, with the attention on the task boosted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.attention.edits import Boost, Edit
from agentkit.contracts.event import Decided
from agentkit.models import Model

from .candidates import Candidate
from .prompt import NO_TASK, View, ranking_prompt


@dataclass(frozen=True)
class Ranking:
    """How candidates are ranked.

    The score of a candidate is log p(words | task, page) - ``prior`` * log p(words | page without a task): what
    the task adds (pointwise mutual information at 1), so that a likely phrase is not chosen for being likely
    (contextual calibration, Zhao et al. 2021, arXiv 2102.09690, adapted to rankings). ``boost`` multiplies the
    attention on the task, for models whose attention can be edited. Both were chosen on tuning seeds (docs/web.md).
    """

    boost: float = 15.0
    prior: float = 0.5
    exemplars: int = 1

    def edits(self, model: Model) -> list[Edit]:
        """Return the attention edits of a ranking call."""
        if self.boost == 1.0 or not model.capabilities.attention:
            return []
        return [Boost("instruction", self.boost)]

    @property
    def rule(self) -> str:
        """How the scores are made, in words."""
        prior = f" - {self.prior:g} * log p(words | page)" if self.prior else ""
        return f"log p(words | task, page){prior}"

    async def choose(
        self, model: Model, view: View, candidates: Sequence[Candidate]
    ) -> tuple[Candidate, Decided]:
        """Return the candidate of the highest score, the first of equals, and the event that tells why."""
        if len(candidates) == 1:
            return candidates[0], Decided(choice=candidates[0].words)
        words = [candidate.words for candidate in candidates]
        scores = await self.score(model, view, words)
        best = candidates[max(range(len(scores)), key=scores.__getitem__)]
        return best, Decided(choice=best.words, options=words, scores=scores, rule=self.rule)

    async def score(self, model: Model, view: View, words: Sequence[str]) -> list[float]:
        """Return the score of each candidate's words; higher is better."""
        prompts = [ranking_prompt(view)]
        if self.prior:
            prompts.append(ranking_prompt(view, task=NO_TASK))
        found = await model.score_each(prompts, words, edits=self.edits(model))
        with_task = found[0].values("sum")
        if not self.prior:
            return list(with_task)
        without = found[1].values("sum")
        return [a - self.prior * b for a, b in zip(with_task, without, strict=True)]
