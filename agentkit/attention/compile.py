"""From edits, which speak of labels, to a plan, which speaks of rows and columns of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..errors import UsageError
from .edits import Edit
from .primitives import (
    Groups,
    HeadAdd,
    HeadCopy,
    HeadScale,
    KeyAdd,
    KeyBias,
    KeyScale,
    Latent,
    Primitive,
    QueryAdd,
    ResidualAdd,
    Rotary,
    StateAdd,
)
from .target import Target


@dataclass
class Bias:
    """A bias on key columns. ``columns``: (batch, tokens); ``later``: (batch), for columns after the prompt.

    ``heads``: query heads that it applies to, None for all.
    """

    columns: torch.Tensor
    later: torch.Tensor
    heads: tuple[int, ...] | None


@dataclass
class Shift:
    """Vectors (heads, width) added where ``tokens`` (batch, tokens) and ``later`` (batch) are 1."""

    vectors: torch.Tensor
    tokens: torch.Tensor
    later: torch.Tensor


@dataclass
class HeadEdit:
    """What happens to the outputs of heads: copies from other rows, then factors, then vectors.

    ``copies``: (source row, target row, factors (heads)). ``scale``: (batch, heads). ``add``: (batch, heads, width).
    """

    copies: list[tuple[int, int, torch.Tensor]] = field(default_factory=list)
    scale: torch.Tensor | None = None
    add: torch.Tensor | None = None


@dataclass
class LayerPlan:
    """What happens in one layer.

    ``key_scale``: (batch, heads, tokens). ``groups``: (batch, tokens), -1 for shared. ``heads``: edits of all rows;
    ``generated``: of the rows that predict the reply. ``residual``: vectors (hidden) with their rows.
    """

    biases: tuple[Bias, ...] = ()
    key_scale: torch.Tensor | None = None
    queries: list[Shift] = field(default_factory=list)
    keys: list[Shift] = field(default_factory=list)
    groups: torch.Tensor | None = None
    heads: HeadEdit | None = None
    generated: HeadEdit | None = None
    residual: list[Shift] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether the attention function has nothing to do."""
        nothing = self.key_scale is None and self.groups is None and self.heads is None
        return nothing and self.generated is None and not (self.biases or self.queries or self.keys)


@dataclass
class Plan:
    """The compiled edits of a batch of ``rows`` prompts.

    ``tokens``: columns of the padded prompts. ``latents``: (row, columns, values). ``rotary``: per row the multiple of
    the rotary base.
    """

    rows: int
    tokens: int
    layers: tuple[LayerPlan, ...]
    latents: list[tuple[int, torch.Tensor, torch.Tensor]] = field(default_factory=list)
    rotary: tuple[float, ...] | None = None

    @property
    def hooked(self) -> bool:
        """Whether it acts outside the attention function too."""
        return bool(self.latents or self.rotary or any(layer.residual for layer in self.layers))


@dataclass(frozen=True)
class Row:
    """One prompt of a batch: its primitives, what they were compiled against, and the column of its first token."""

    primitives: Sequence[Primitive]
    target: Target
    offset: int = 0


def compile_edits(edits: Sequence[Edit], target: Target) -> tuple[Primitive, ...]:
    """Return the primitives of edits for one prompt.

    Raises ``UsageError`` for an edit that can't apply to it, and for two edits of which only one can: what can't be
    added up (a rotary base, a grouping of the keys in one layer).
    """
    found: list[Primitive] = []
    alone: dict[tuple[type, int], Edit] = {}
    for edit in edits:
        for primitive in edit.compile(target):
            target.check(primitive.layers, primitive.heads)
            found.append(primitive)
            if not isinstance(primitive, (Rotary, Groups)):
                continue
            for layer in _chosen(primitive.layers, target.layers):
                other = alone.setdefault((type(primitive), layer), edit)
                if other is not edit:
                    raise UsageError(
                        f"{other.name!r} and {edit.name!r} both change the "
                        f"{type(primitive).__name__.lower()} of layer {layer}",
                        mend="use one of them, or give them different layers",
                    )
    return tuple(found)


def make_plan(rows: Sequence[Row], width: int) -> Plan | None:
    """Return the plan of a batch, None when no row has a primitive. ``width``: columns of the padded prompts."""
    if not any(row.primitives for row in rows):
        return None
    target = rows[0].target
    plan = Plan(len(rows), width, tuple(LayerPlan() for _ in range(target.layers)))
    biases: dict[tuple[Any, Any], Bias] = {}
    for number, row in enumerate(rows):
        for primitive in row.primitives:
            match primitive:
                case KeyBias():
                    _add_bias(biases, primitive, number, row, len(rows), width)
                case Latent():
                    plan.latents.append((number, _columns(primitive.tokens, row), primitive.values))
                case Rotary():
                    scales = list(plan.rotary or [1.0] * len(rows))
                    scales[number] = primitive.scale
                    plan.rotary = tuple(scales)
                case _:
                    for layer in _chosen(primitive.layers, target.layers):
                        _APPLY[type(primitive)](plan.layers[layer], primitive, number, row, len(rows), width)
    for (layers, _), bias in biases.items():
        for layer in _chosen(layers, target.layers):
            plan.layers[layer].biases = (*plan.layers[layer].biases, bias)
    for layer in plan.layers:
        layer.biases = _merged(layer.biases)
    return plan


def marks(primitives: Sequence[Primitive], tokens: int) -> np.ndarray:
    """Return per token a number that says which edits touch it (int64, 0 for none).

    Two prompts whose tokens and marks agree up to a point have the same keys and values up to that point.
    """
    result = np.zeros(tokens, dtype=np.int64)
    for primitive in primitives:
        where, number = primitive.touched(tokens), np.int64(primitive.digest())
        with np.errstate(over="ignore"):
            result[where] = result[where] * np.int64(1_000_003) + number
    return result


def _chosen(chosen: tuple[int, ...] | None, count: int) -> Sequence[int]:
    return range(count) if chosen is None else sorted(set(chosen))


def _unless_all(chosen: tuple[int, ...] | None, count: int) -> tuple[int, ...] | None:
    return None if chosen is None or len(set(chosen)) == count else tuple(sorted(set(chosen)))


def _columns(tokens: np.ndarray, row: Row) -> torch.Tensor:
    return torch.from_numpy(np.asarray(tokens, dtype=np.int64)) + row.offset


def _add_bias(
    biases: dict[tuple[Any, Any], Bias], edit: KeyBias, number: int, row: Row, batch: int, width: int
) -> None:
    target = row.target
    name = (_unless_all(edit.layers, target.layers), _unless_all(edit.heads, target.heads))
    bias = biases.setdefault(name, Bias(torch.zeros(batch, width), torch.zeros(batch), name[1]))
    added = torch.zeros(batch, width)
    added[number, _columns(edit.tokens, row)] = torch.as_tensor(edit.value, dtype=torch.float32)
    bias.columns = bias.columns + added
    if edit.later:
        bias.later[number] += edit.later


def _merged(biases: tuple[Bias, ...]) -> tuple[Bias, ...]:
    """Return the biases of a layer, one a choice of heads."""
    found: dict[tuple[int, ...] | None, Bias] = {}
    for bias in biases:
        known = found.get(bias.heads)
        if known is None:
            found[bias.heads] = bias
        else:
            found[bias.heads] = Bias(known.columns + bias.columns, known.later + bias.later, bias.heads)
    return tuple(found.values())


def _add_key_scale(layer: LayerPlan, edit: KeyScale, number: int, row: Row, batch: int, width: int) -> None:
    factors = _per_head(edit.value, edit.heads, row.target.heads, 1.0)
    times = torch.ones(batch, len(factors), width)
    columns = _columns(edit.tokens, row)
    times[number, :, columns] = factors[:, None].expand(-1, len(columns))
    layer.key_scale = times if layer.key_scale is None else layer.key_scale * times


def _shift(edit: StateAdd, number: int, row: Row, batch: int, width: int) -> Shift:
    vectors = _vectors(edit.vectors, edit.heads, row.target.heads)
    return _at(vectors, edit.tokens, edit.later, number, row, batch, width)


def _at(
    vectors: torch.Tensor,
    tokens: np.ndarray | None,
    later: bool,
    number: int,
    row: Row,
    batch: int,
    width: int,
) -> Shift:
    where, after = torch.zeros(batch, width), torch.zeros(batch)
    if tokens is None:
        where[number, row.offset :] = 1.0
    else:
        where[number, _columns(tokens, row)] = 1.0
    after[number] = float(later)
    return Shift(vectors, where, after)


def _add_query(layer: LayerPlan, edit: QueryAdd, number: int, row: Row, batch: int, width: int) -> None:
    layer.queries.append(_shift(edit, number, row, batch, width))


def _add_key(layer: LayerPlan, edit: KeyAdd, number: int, row: Row, batch: int, width: int) -> None:
    layer.keys.append(_shift(edit, number, row, batch, width))


def _add_residual(layer: LayerPlan, edit: ResidualAdd, number: int, row: Row, batch: int, width: int) -> None:
    layer.residual.append(_at(edit.vector, edit.tokens, edit.later, number, row, batch, width))


def _add_groups(layer: LayerPlan, edit: Groups, number: int, row: Row, batch: int, width: int) -> None:
    if layer.groups is None:
        layer.groups = torch.full((batch, width), -1, dtype=torch.long)
    layer.groups[number, row.offset :] = torch.from_numpy(edit.group.astype(np.int64))


def _head_edit(layer: LayerPlan, generated: bool) -> HeadEdit:
    name = "generated" if generated else "heads"
    found = getattr(layer, name) or HeadEdit()
    setattr(layer, name, found)
    return found


def _add_head_scale(layer: LayerPlan, edit: HeadScale, number: int, row: Row, batch: int, width: int) -> None:
    found = _head_edit(layer, edit.generated)
    times = torch.ones(batch, row.target.heads)
    times[number] = _per_head(edit.value, edit.heads, row.target.heads, 1.0)
    found.scale = times if found.scale is None else found.scale * times


def _add_head_vector(layer: LayerPlan, edit: HeadAdd, number: int, row: Row, batch: int, width: int) -> None:
    found = _head_edit(layer, edit.generated)
    vectors = _vectors(edit.vectors, edit.heads, row.target.heads)
    added = torch.zeros(batch, *vectors.shape)
    added[number] = vectors
    found.add = added if found.add is None else found.add + added


def _add_copy(layer: LayerPlan, edit: HeadCopy, number: int, row: Row, batch: int, width: int) -> None:
    found = _head_edit(layer, edit.generated)
    factors = _per_head(edit.value, edit.heads, row.target.heads, 0.0)
    found.copies.append((edit.source, number, factors))


def _per_head(
    value: float | torch.Tensor, heads: tuple[int, ...] | None, count: int, rest: float
) -> torch.Tensor:
    """Return one number a head (count): ``value`` for the named heads, ``rest`` for the others."""
    result = torch.full((count,), rest)
    index = torch.arange(count) if heads is None else torch.tensor(heads, dtype=torch.long)
    result[index] = torch.as_tensor(value, dtype=torch.float32)
    return result


def _vectors(vectors: torch.Tensor, heads: tuple[int, ...] | None, count: int) -> torch.Tensor:
    """Return vectors (count, width): those of the named heads in their places, zeros elsewhere."""
    if heads is None:
        return vectors
    result = torch.zeros(count, vectors.shape[-1], dtype=vectors.dtype)
    result[torch.tensor(heads, dtype=torch.long)] = vectors
    return result


_APPLY: dict[type, Callable[..., None]] = {
    KeyScale: _add_key_scale,
    QueryAdd: _add_query,
    KeyAdd: _add_key,
    ResidualAdd: _add_residual,
    Groups: _add_groups,
    HeadScale: _add_head_scale,
    HeadAdd: _add_head_vector,
    HeadCopy: _add_copy,
}
