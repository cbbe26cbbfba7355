"""Relevance maps: attention weighed by the gradient of a next token (Chefer, Gur and Wolf, 2103.15679)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...errors import UsageError
from ..primitives import Latent
from ..reader import Reader, Site

if TYPE_CHECKING:
    from ...content import Message
    from ..edits import Edit
    from ..lab import Lab

# Numbers of all maps together (layers x heads x tokens^2); a pass with gradients keeps several copies.
MOST_WEIGHTS = 2**27


class ExplicitReader(Reader):
    """Keeps the whole maps (heads, tokens, tokens) that the outputs of a pass are made from."""

    explicit = True

    def __init__(self, layers: Sequence[int] | None = None) -> None:
        self.layers = layers
        self.maps: list[torch.Tensor] = []

    def read(self, site: Site) -> None:
        assert site.explicit is not None
        self.maps.append(site.explicit)


def relevance(
    lab: Lab,
    messages: Sequence[Message],
    *,
    token: int | None = None,
    edits: Sequence[Edit] = (),
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> np.ndarray:
    """Return how much each token of the prompt speaks for the next token, (tokens, float64), 0 or more.

    R = I, then for each layer from the first to the last R = R + A R with A = mean of heads of max(0, gradient x
    attention), the gradient that of the next token's logit (equations 5 and 6 of the paper, self-attention); the
    result is the last row of R, computed from the top down, so R is never whole. The last token itself gets 1 from
    the identity. ``token``: id of the next token, the likeliest by default. ``edits`` (prepared) act. ``layers`` and
    ``heads``: None for all; layers that are left out add nothing.

    The maps of all chosen layers are in memory with their gradients: for short prompts. Raises ``UsageError`` when
    layers x heads x tokens x tokens exceeds ``MOST_WEIGHTS``, for a token outside the vocabulary, and for a layer or
    head that the model does not have.
    """
    prompt = lab.encode(messages)
    target = lab.target(prompt)
    target.check(layers, heads)
    size = (target.layers if layers is None else len(set(layers))) * target.heads * len(prompt) ** 2
    if size > MOST_WEIGHTS:
        raise UsageError(
            f"the attention of {len(prompt)} tokens is {size:,} numbers, over {MOST_WEIGHTS:,}",
            mend="use rollout, a shorter prompt, or fewer layers",
        )
    reader = ExplicitReader(layers)
    # The weights are frozen: a zero added to one token puts the whole pass into the graph.
    seed = torch.zeros(1, target.hidden, requires_grad=True)
    logits = lab.forward(prompt, edits, [reader], primitives=[Latent(np.array([0]), seed)], gradients=True)[
        -1
    ]
    if token is not None and not 0 <= token < len(logits):
        raise UsageError(f"there is no token {token}", mend=f"the vocabulary has 0 to {len(logits) - 1}")
    chosen = logits.max() if token is None else logits[token]
    gradients = torch.autograd.grad(chosen, reader.maps)
    shares = torch.zeros(len(prompt), dtype=torch.float64)
    shares[-1] = 1.0
    for weights, gradient in zip(reversed(reader.maps), reversed(gradients), strict=True):
        positive = (gradient * weights.detach()).clamp_min(0)[0]
        picked = positive if heads is None else positive[list(heads)]
        shares = shares + shares @ picked.mean(0).double()
    return shares.numpy()
