"""From edits, which speak of labels, to biases, which speak of columns of the attention."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UsageError
from .edits import Edit
from .spans import Spans

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bias:
    """A bias on key columns before the softmax.

    ``columns``: float tensor (batch, tokens), ln of the factors, 0 where nothing changes. Later tokens are not
    biased. ``heads``: query heads that it applies to, None for all.
    """

    columns: torch.Tensor
    heads: tuple[int, ...] | None


@dataclass(frozen=True)
class Plan:
    """The compiled edits of a batch: for every layer the biases that act there (they add up)."""

    layers: tuple[tuple[Bias, ...], ...]


def check_edits(edits: Sequence[Edit], spans: Spans, layers: int, heads: int) -> None:
    """Raise ``UsageError`` for an edit that can't apply to this prompt or model, before any token."""
    for edit in edits:
        spans.find(edit.span)
        for kind, chosen, count in (("layer", edit.layers, layers), ("head", edit.heads, heads)):
            if chosen is None:
                continue
            wrong = [index for index in chosen if not 0 <= index < count]
            if wrong or not chosen:
                raise UsageError(
                    f"there is no {kind} {wrong[0] if wrong else '(none is named)'}",
                    mend=f"the model has {kind}s 0 to {count - 1}",
                )


def compile_edits(
    rows: Sequence[tuple[Sequence[Edit], Spans, int]], *, width: int, layers: int, heads: int
) -> Plan | None:
    """Return the plan of a batch, None when no row has an edit.

    ``rows``: per row its edits, its spans, and the column of its first token (its left padding). ``width``: number
    of columns of the padded prompts. Factors on the same column multiply, so their logarithms add.
    Raises ``UsageError`` as ``check_edits`` does.
    """
    import torch

    groups: dict[tuple[tuple[int, ...] | None, tuple[int, ...] | None], torch.Tensor] = {}
    for index, (edits, spans, offset) in enumerate(rows):
        check_edits(edits, spans, layers, heads)
        for edit in edits:
            key = (_unless_all(edit.layers, layers), _unless_all(edit.heads, heads))
            columns = groups.setdefault(key, torch.zeros(len(rows), width))
            columns[index, torch.from_numpy(spans.find(edit.span)) + offset] += math.log(edit.factor)
    if not groups:
        return None
    return Plan(tuple(_biases_of(groups, layer) for layer in range(layers)))


def marks(edits: Sequence[Edit], spans: Spans, tokens: int) -> np.ndarray:
    """Return per token a number that says which edits touch it (int64, 0 for none).

    Two prompts whose tokens and marks agree up to a point have the same keys and values up to that point.
    """
    result = np.zeros(tokens, dtype=np.int64)
    for edit in edits:
        name = repr(sorted((k, v) for k, v in edit.describe().items() if k != "span"))
        number = np.frombuffer(hashlib.sha256(name.encode()).digest()[:8], dtype=np.int64)[0]
        where = spans.find(edit.span)
        with np.errstate(over="ignore"):
            result[where] = result[where] * np.int64(1_000_003) + number
    return result


def _unless_all(chosen: tuple[int, ...] | None, count: int) -> tuple[int, ...] | None:
    if chosen is None or len(set(chosen)) == count:
        return None
    return tuple(sorted(set(chosen)))


def _biases_of(
    groups: dict[tuple[tuple[int, ...] | None, tuple[int, ...] | None], torch.Tensor], layer: int
) -> tuple[Bias, ...]:
    by_heads: dict[tuple[int, ...] | None, torch.Tensor] = {}
    for (layers, heads), columns in groups.items():
        if layers is None or layer in layers:
            by_heads[heads] = by_heads[heads] + columns if heads in by_heads else columns
    return tuple(Bias(columns, heads) for heads, columns in by_heads.items())
