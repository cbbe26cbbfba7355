"""DARA: learned factors of the attention scores on each picture of the prompt, per head, in the first layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import UsageError
from ..lab import origin
from ..learned import Learned
from ..primitives import KeyScale, Primitive
from .fitted import FittedEdit, Taught

if TYPE_CHECKING:
    import torch

    from ...content import Message
    from ..lab import Lab
    from ..spans import Span
    from ..target import Target


@dataclass(frozen=True)
class Dara(FittedEdit):
    """Multiply the scores (before the softmax) of head h on the keys of picture i by a learned factor F[h, i].

    s'[r, c] = F[layer, h, i] * s[r, c] for the image tokens c of the i-th picture of the prompt, every row r. Only
    the factors are trained, from 1, by the likelihood of replies (``fit_dara``): with few demonstrations about
    heads x pictures numbers.

    Kept: factors of scores, not of weights; the first layer only, unless fitted for more; a factor a picture, in
    order, demonstrations and query. The factor is not bounded: a negative one turns a score round. The published
    training set-up (steps, rate) is not known here; ``fit_dara`` says its own.

    ``learned``: of ``fit_dara``. Raises ``UsageError`` for what was fitted on another model or shape, or for
    another number of pictures than the prompt has.
    """

    name: ClassVar[str] = "dara"
    source: ClassVar[str] = "DARA, arXiv 2507.15807, section 4"

    def compile(self, target: Target) -> Sequence[Primitive]:
        import torch

        pictures, layers = pictures_of(target), self.layer_list()
        fitted = int(self.learned.about.get("pictures", 0))
        if len(pictures) != fitted:
            raise UsageError(
                f"the factors are for {fitted} pictures and the prompt has {len(pictures)}",
                mend="fit them on prompts with as many pictures",
            )
        target.check(layers)
        factors = torch.from_numpy(self.array("factors", len(layers), target.heads, fitted))
        return scales(factors, layers, pictures)


def scales(factors: torch.Tensor, layers: Sequence[int], pictures: Sequence[Span]) -> tuple[Primitive, ...]:
    """Return the primitives of factors (layers, heads, pictures)."""
    return tuple(
        KeyScale(span.tokens, factors[place, :, number], layers=(layer,))
        for place, layer in enumerate(layers)
        for number, span in enumerate(pictures)
    )


def pictures_of(target: Target) -> list[Span]:
    """Return the spans of the pictures, in order."""
    return [span for span in target.spans.parts if span.image is not None]


def fit_dara(
    lab: Lab,
    examples: Sequence[tuple[Sequence[Message], str]],
    *,
    layers: Sequence[int] = (0,),
    epochs: int = 10,
    rate: float = 0.05,
    batch: int = 4,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
) -> Learned:
    """Fit the factors on (messages, reply) examples; the weights stay as they are.

    Adam (learning rate ``rate``) on the mean negative log-likelihood of a reply's tokens, ``batch`` examples a step.
    All prompts must have the same number of pictures. Time: a forward and a backward pass an example and epoch, of
    which the backward one goes down to the first fitted layer only. Raises ``UsageError`` for no examples, prompts
    without pictures or with different numbers of them, and layers that the model does not have.
    """
    import torch

    if not examples:
        raise UsageError("there is no example to fit on")
    taught = [Taught.of(lab, messages, reply) for messages, reply in examples]
    targets = [lab.target(each.prompt) for each in taught]
    pictures = [pictures_of(target) for target in targets]
    counts = sorted({len(found) for found in pictures})
    if len(counts) > 1 or counts[0] == 0:
        raise UsageError(
            f"the examples have {' and '.join(map(str, counts))} pictures",
            mend="fit on prompts that all have the same number of pictures, at least one",
        )
    targets[0].check(layers)
    factors = torch.ones(len(layers), targets[0].heads, counts[0], requires_grad=True)
    adam = torch.optim.Adam([factors], lr=rate)
    random = torch.Generator().manual_seed(seed)
    losses = []
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(taught), generator=random).split(batch):
            adam.zero_grad()
            for index in chosen.tolist():
                primitives = scales(factors, layers, pictures[index])
                likelihood = taught[index].log_likelihood(lab, primitives=primitives, gradients=True)
                loss = -likelihood.mean()
                (loss / len(chosen)).backward()
                total += float(loss.detach())
            adam.step()
        losses.append(total / len(taught))
        if say is not None:
            say(f"epoch {epoch + 1} of {epochs}: loss {losses[-1]:.4f}")
    about = {
        "method": Dara.name,
        **origin(lab),
        "layers": list(layers),
        "pictures": counts[0],
        "examples": len(examples),
        "epochs": epochs,
        "rate": rate,
        "batch": batch,
        "seed": seed,
        "losses": [round(loss, 5) for loss in losses],
    }
    return Learned({"factors": factors.detach().numpy().astype(np.float32)}, about)
