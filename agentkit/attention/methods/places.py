"""Heads by (layer, head), as methods that choose single heads name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ...errors import UsageError

if TYPE_CHECKING:
    from ..target import Target

# (layer, query head)
Place: TypeAlias = tuple[int, int]


def check_places(places: Sequence[Place], target: Target) -> None:
    """Raise ``UsageError`` when none is named, or one that the model does not have."""
    if not places:
        raise UsageError("no head is named", mend="name (layer, head) pairs, or None for all heads")
    for layer, head in places:
        target.check((layer,), (head,))


def heads_by_layer(places: Iterable[Place]) -> dict[int, tuple[int, ...]]:
    """Return the ascending heads of each layer, layers ascending."""
    found: dict[int, set[int]] = {}
    for layer, head in places:
        found.setdefault(layer, set()).add(head)
    return {layer: tuple(sorted(found[layer])) for layer in sorted(found)}


def layers_by_heads(places: Iterable[Place]) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Return the layers that name the same heads, together: heads to layers."""
    found: dict[tuple[int, ...], list[int]] = {}
    for layer, heads in heads_by_layer(places).items():
        found.setdefault(heads, []).append(layer)
    return {heads: tuple(layers) for heads, layers in found.items()}
