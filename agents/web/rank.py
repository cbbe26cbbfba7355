"""Decide by ranking: the likelihood of each candidate as the reply, with the attention on the task boosted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.attention.edits import Boost, Edit, Mute
from agentkit.contracts.event import Decided
from agentkit.models import Model

from .candidates import Candidate
from .naming import naming
from .prompt import NO_TASK, View, ranking_prompt


@dataclass(frozen=True)
class Ranking:
    """How candidates are ranked.

    The score of a candidate is log p(words | task, page) - ``prior`` * log p(words | page without a task) + ``named``
    times how much the task names it (``naming``). The prior is what the task adds to (pointwise mutual information
    at 1), so that a likely phrase is not chosen for being likely (contextual calibration, Zhao et al. 2021, arXiv
    2102.09690, adapted to rankings). ``boost`` multiplies the attention on the task, ``page`` that on untrusted text
    (the page, and exemplars of what pages said), for models whose attention can be edited. All were chosen on tuning
    seeds (docs/miniwob.md). ``exemplars``: how many are shown.
    """

    boost: float = 5.0
    page: float = 0.3
    prior: float = 0.5
    named: float = 2.0
    exemplars: int = 1

    @classmethod
    def unedited(cls, **more: Any) -> Ranking:
        """Return a ranking that leaves the model's attention as it is."""
        return cls(boost=1.0, page=1.0, **more)

    def edits(self, model: Model) -> list[Edit]:
        """Return the attention edits of a ranking call."""
        if not model.capabilities.attention:
            return []
        boost = [Boost("instruction", self.boost)] if self.boost != 1.0 else []
        return [*boost, Mute("untrusted", self.page)] if self.page != 1.0 else [*boost]

    @property
    def rule(self) -> str:
        """How the scores are made, in words."""
        prior = f" - {self.prior:g} * log p(words | page)" if self.prior else ""
        named = f" + {self.named:g} * how much the task names it" if self.named else ""
        return f"log p(words | task, page){prior}{named}"

    async def choose(
        self, model: Model, view: View, candidates: Sequence[Candidate]
    ) -> tuple[Candidate, Decided]:
        """Return the candidate of the highest score, the first of equals, and the event that tells why."""
        if len(candidates) == 1:
            return candidates[0], Decided(choice=candidates[0].words)
        words = [candidate.words for candidate in candidates]
        scores = await self.score(model, view, candidates)
        best = candidates[max(range(len(scores)), key=scores.__getitem__)]
        return best, Decided(choice=best.words, options=words, scores=scores, rule=self.rule)

    async def score(self, model: Model, view: View, candidates: Sequence[Candidate]) -> list[float]:
        """Return the score of each candidate; higher is better."""
        words = [candidate.words for candidate in candidates]
        prompts = [ranking_prompt(view)]
        if self.prior:
            prompts.append(ranking_prompt(view, task=NO_TASK))
        found = await model.score_each(prompts, words, edits=self.edits(model))
        scores = list(found[0].values("sum"))
        if self.prior:
            prior = found[1].values("sum")
            scores = [score - self.prior * less for score, less in zip(scores, prior, strict=True)]
        shares = naming(candidates, view.instruction)
        return [score + self.named * share for score, share in zip(scores, shares, strict=True)]
