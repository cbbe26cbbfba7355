"""INTER (arXiv 2507.05056): where picture and words only together tell, more of what they tell together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ...content import Message, images_of
from ...errors import UsageError
from ..edits import Edit, Ensemble, Variant
from .contrast import candidates, check_contrast
from .variations import applicable, without

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class INTER(Ensemble):
    """Add the interaction of picture and words to the logits of the candidates, at steps where it matters.

    Four variants: both, the picture alone, the words alone, none. The interaction (Harsanyi dividend) of a token is
    I = v(both) - v(picture) - v(words) + v(none), v the log-probability. Candidates are tokens with a probability of
    at least ``beta`` times the largest. Where the standard deviation of I over at least two candidates exceeds
    ``threshold``, ``weight`` * (I - its mean over the candidates) is added to their logits; elsewhere the reply is
    the plain one. ``weight`` 0 or an infinite ``threshold`` give the plain reply.

    From memory, not read in the paper or its code (none was published when this was written): the formula of I, that
    it acts only on steps and candidates where it varies. Chosen here: v as log-probability (the paper may use
    logits or log-odds), the plausibility rule for candidates, the deviation as the measure, the centring (so that
    other tokens keep their place), and what "without words" means: users' and tools' texts are left out, system and
    assistant texts stay. Edits that name something that a variant lacks act in the other variants only.

    Costs four passes per token, the variants without picture being short. To choose: ``threshold`` on held-out
    questions, then ``weight``; the defaults are guesses (no published values were at hand) that neither gained nor
    cost anything on presence questions of the embedded model. Raises ``UsageError`` for a prompt without pictures.
    """

    name: ClassVar[str] = "inter"
    source: ClassVar[str] = "INTER, arXiv 2507.05056 (details from memory)"
    needs: ClassVar[tuple[str, ...]] = ("attention", "images")

    weight: float = 1.0
    threshold: float = 1.0
    beta: float = 0.1

    def __post_init__(self) -> None:
        check_contrast(self.weight, self.beta)
        if math.isnan(self.threshold) or self.threshold < 0:
            raise UsageError(f"the threshold is a number from 0 on, got {self.threshold}")

    def variants(self, messages: tuple[Message, ...], edits: tuple[Edit, ...]) -> tuple[Variant, ...]:
        if not images_of(messages):
            raise UsageError(
                "there is no picture to interact with", mend="give a picture, or leave out the edit"
            )
        several = (
            messages,
            without(messages, words=True),
            without(messages, pictures=True),
            without(messages, pictures=True, words=True),
        )
        return (
            Variant(messages, edits),
            *(Variant(some, applicable(edits, some)) for some in several[1:]),
        )

    def merge(self, logits: torch.Tensor) -> torch.Tensor:
        both = logits[0]
        picture_and_words, picture, words, none = logits.log_softmax(-1)
        chosen = candidates(both, self.beta)
        count = chosen.sum(-1, keepdim=True)
        interaction = (picture_and_words - picture - words + none).masked_fill(~chosen, 0.0)
        centred = (interaction - interaction.sum(-1, keepdim=True) / count).masked_fill(~chosen, 0.0)
        deviation = (centred.square().sum(-1, keepdim=True) / count).sqrt()
        added = self.weight * centred
        return both + added.where((deviation > self.threshold) & (count > 1), added.new_zeros(()))
