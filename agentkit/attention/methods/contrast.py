"""What is likely with, and not without: the logits of two variants contrasted (as VCD, arXiv 2311.16922, eq. 3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import UsageError

if TYPE_CHECKING:
    import torch

# How far (in logits) a token that is not plausible lies below the likeliest one: exp(-1000) is 0 in float32.
REMOVED = 1e3


def contrast(plain: torch.Tensor, other: torch.Tensor, alpha: float, beta: float) -> torch.Tensor:
    """Return (1 + alpha) plain - alpha other, of (..., vocabulary) each; implausible tokens are removed."""
    return plausible((1 + alpha) * plain - alpha * other, plain, beta)


def plausible(merged: torch.Tensor, plain: torch.Tensor, beta: float) -> torch.Tensor:
    """Return ``merged``, without the tokens whose probability under ``plain`` is below beta times the largest.

    The published code sets removed logits to minus infinity. Here they lie 1,000 below the best one, in the order
    of ``plain``: their probability is the same 0, and options of which all are removed still compare.
    """
    lead = plain - plain.amax(-1, keepdim=True)
    kept = candidates(plain, beta)
    best = merged.masked_fill(~kept, float("-inf")).amax(-1, keepdim=True)
    return merged.where(kept, best - REMOVED + lead)


def candidates(plain: torch.Tensor, beta: float) -> torch.Tensor:
    """Return True for the tokens whose probability is at least beta times the largest."""
    if beta <= 0:
        return plain.isfinite()
    return plain >= plain.amax(-1, keepdim=True) + math.log(beta)


def check_contrast(alpha: float, beta: float) -> None:
    """Raise ``UsageError`` for a negative or infinite alpha, or a beta outside 0 to 1."""
    if not (math.isfinite(alpha) and alpha >= 0):
        raise UsageError(f"alpha is a finite number from 0 on, got {alpha}")
    if not 0 <= beta <= 1:
        raise UsageError(f"beta is a number from 0 to 1, got {beta}")
