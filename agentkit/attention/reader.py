"""Reading attention: the softmax of a few query rows, never a matrix of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from .compile import Bias
from .function import head_bias


@dataclass
class Reader:
    """Collects how much chosen rows attend to chosen columns, averaged over layers and heads.

    ``rows`` and ``columns``: token indices of the prompt (batch of 1). ``layers`` and ``heads``: None for all.
    Works for a forward pass over the whole prompt; edits that are active are part of what is read.
    """

    rows: Sequence[int]
    columns: Sequence[int]
    layers: Sequence[int] | None = None
    heads: Sequence[int] | None = None
    _sum: torch.Tensor | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)

    def read(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        mask: torch.Tensor | None,
        scale: float,
        biases: tuple[Bias, ...],
    ) -> None:
        """Add one layer (called by the attention function with its own arguments)."""
        if self.layers is not None and layer not in self.layers:
            return
        chosen = torch.as_tensor(list(self.rows))
        heads, keys = query.shape[1], key.shape[2]
        key = key.repeat_interleave(heads // key.shape[1], dim=1)
        scores = query[:, :, chosen].float() @ key.float().transpose(-1, -2) * scale
        if biases:
            scores = scores + head_bias(biases, heads, keys).to(scores)
        if mask is None:
            seen = torch.arange(keys)[None, :] <= chosen[:, None] + keys - query.shape[2]
            scores = scores.masked_fill(~seen, float("-inf"))
        elif mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask[:, :, chosen], float("-inf"))
        else:
            scores = scores + mask[:, :, chosen]
        weights = scores.softmax(-1)[..., torch.as_tensor(list(self.columns))]
        picked = weights if self.heads is None else weights[:, list(self.heads)]
        mean = picked.mean(1)[0]
        self._sum = mean if self._sum is None else self._sum + mean
        self._count += 1

    def result(self) -> torch.Tensor:
        """Return the mean attention, shape (rows, columns). Raises ``RuntimeError`` when nothing was read."""
        if self._sum is None:
            raise RuntimeError("no forward pass was read")
        return self._sum / self._count
