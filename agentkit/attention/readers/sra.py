"""Strategy-relevant attention (SRA): how much attention a labelled span gets while a reply is written.

The name is for the span that holds a strategy (exemplars, tips, a plan): whether what was retrieved is looked at,
when, and by which layers and heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..reader import Reader, Site

if TYPE_CHECKING:
    from ...content import Image, Message
    from ..edits import Edit
    from ..lab import Lab
    from ..regions import Region


@dataclass(frozen=True)
class Shares:
    """Attention on a span: ``values`` (steps, layers, heads), each 0 to 1; step 0 chooses the reply's first token.

    ``tokens``: the text of the reply's tokens, one a step. ``share``: which share of the prompt's tokens the span has,
    what even attention on the prompt would give it.
    """

    values: np.ndarray
    tokens: tuple[str, ...]
    share: float

    def by_step(self) -> np.ndarray:
        """Return the mean over layers and heads, (steps)."""
        return self.values.mean((1, 2))

    def by_head(self) -> np.ndarray:
        """Return the mean over steps, (layers, heads)."""
        return self.values.mean(0)


class SpanReader(Reader):
    """Collects the attention on columns of the prompt, in every row from ``first`` on (batch of 1).

    Reads whole passes, cached prefills and cached steps alike: rows are told by their place among all tokens.
    """

    def __init__(self, columns: np.ndarray, first: int) -> None:
        self.columns = torch.from_numpy(columns)
        self.first = first
        self._kept: dict[int, list[torch.Tensor]] = {}

    def read(self, site: Site) -> None:
        rows = torch.arange(max(0, self.first - site.start), site.query.shape[2])
        if len(rows):
            weights = site.weights(rows)[0][..., self.columns]
            self._kept.setdefault(site.layer, []).append(weights.sum(-1))

    def result(self) -> torch.Tensor:
        """Return the shares (rows, layers, heads)."""
        layers = [torch.cat(self._kept[layer], dim=1) for layer in sorted(self._kept)]
        return torch.stack(layers).permute(2, 0, 1)


def strategy_attention(
    lab: Lab,
    messages: Sequence[Message],
    reply: str,
    span: str | Image | Region,
    *,
    edits: Sequence[Edit] = (),
) -> Shares:
    """Return how much attention a span of the prompt gets while ``reply`` is written.

    ``reply``: what the model has said (or what somebody says it should), followed in one pass: each row attends as it
    does when its token is written. ``span``: a label, a trust mark, an image or a region of one. ``edits`` (prepared)
    act. To read a generation while it goes on, give a ``SpanReader`` to its passes. Raises ``UsageError`` for a span
    that the prompt does not have.
    """
    prompt = lab.encode(messages, reply)
    target = lab.target(prompt)
    columns = target.find(span)
    reader = SpanReader(columns, target.tokens - 1)
    lab.forward(prompt, edits, [reader])
    tokens = tuple(lab.tokenizer.decode([int(token)]) for token in prompt.ids[target.tokens :])
    # The last row predicts what follows the reply.
    return Shares(reader.result()[: len(tokens)].numpy(), tokens, len(columns) / target.tokens)
