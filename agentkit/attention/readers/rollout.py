"""Attention rollout: on which tokens of the prompt a row rests, through all layers (Abnar and Zuidema, 2005.00928)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..reader import Reader, Site

if TYPE_CHECKING:
    from ...content import Message
    from ..edits import Edit
    from ..lab import Lab

ROWS = 256


class RolloutReader(Reader):
    """Keeps the queries and keys of a whole pass (batch of 1), and multiplies its maps from the top down."""

    def __init__(self, layers: Sequence[int] | None = None, heads: Sequence[int] | None = None) -> None:
        self.layers = layers
        self.heads = heads
        self._sites: list[Site] = []

    def read(self, site: Site) -> None:
        self._sites.append(site)

    def result(self, row: int) -> torch.Tensor:
        """Return the rollout (tokens, float64) of a row; it sums to 1."""
        shares = torch.zeros(self._sites[0].key.shape[2], dtype=torch.float64)
        shares[row] = 1.0
        for site in reversed(self._sites):
            shares = 0.5 * shares + 0.5 * self._through(site, shares)
        return shares

    def _through(self, site: Site, shares: torch.Tensor) -> torch.Tensor:
        """Return shares times the layer's mean map, a few rows of the map at a time."""
        result = torch.zeros_like(shares)
        for rows in shares.nonzero()[:, 0].split(ROWS):
            weights = site.weights(rows)[0]
            chosen = weights if self.heads is None else weights[list(self.heads)]
            result += shares[rows] @ chosen.mean(0).double()
        return result


def rollout(
    lab: Lab,
    messages: Sequence[Message],
    *,
    row: int = -1,
    edits: Sequence[Edit] = (),
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> np.ndarray:
    """Return on which tokens a row of the prompt rests, (tokens, float64), summing to 1.

    R = B_L ... B_1 with B_l = 0.5 (mean of the heads' attention) + 0.5 I (section 3 of the paper); only one row of R
    is computed: that row times B_L, then B_(L-1), and so on, ``ROWS`` rows of a map at a time, so no matrix of
    tokens x tokens is ever whole. ``row``: index of a token, the last by default. ``edits`` (prepared) are part of
    what is read. ``layers`` and ``heads``: None for all; layers that are left out count as the identity.

    It ignores what the values and the other layers do, and in a causal model the first tokens collect much of it.
    Raises ``UsageError`` for a layer or head that the model does not have.
    """
    prompt = lab.encode(messages)
    lab.target(prompt).check(layers, heads)
    reader = RolloutReader(layers, heads)
    lab.forward(prompt, edits, [reader])
    return reader.result(range(len(prompt))[row]).numpy()
