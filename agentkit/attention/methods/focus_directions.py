"""Focus directions: learned shifts of queries and keys with which contextual heads attend more to what is relevant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import UsageError
from ..primitives import KeyAdd, Primitive, QueryAdd
from .fitted import FittedEdit, by_layer, check_heads

if TYPE_CHECKING:
    from ..target import Target


@dataclass(frozen=True)
class FocusDirections(FittedEdit):
    """Add factor * learned directions to the queries of contextual heads, and to their keys of the context.

    Contextual heads are those with the most attention on the relevant part of the context (``contextual_heads``);
    their directions raise that attention on training items (``fit_focus``), and in use nobody says what is relevant.

    Queries are shifted in all rows, keys in the span of the context that was fitted (its label is in
    ``learned.about``). Both act after the rotation by position, and a key direction belongs to a query head, as in
    the published code, which has one a query head. That code adds it to the keys of all tokens as far as can be
    told; after the rotation this would add the same number to a whole row and change nothing, so here it is the
    context's alone: then it moves attention between the context and the rest (the sink, the question).

    ``learned``: of ``fit_focus``. ``factor``: published 0.2 to 0.3 with 20 heads of Llama-3.2-3B (of a sweep from 0.1 to
    1.0); the directions are not normalised, so it depends on how long they were trained: choose it on validation
    items, from 0.1 up to a few. A negative one takes attention away. Raises ``UsageError`` for what was fitted on
    another model or shape, and for a prompt without the context.
    """

    name: ClassVar[str] = "focus_directions"
    source: ClassVar[str] = "Focus directions, arXiv 2503.23306"

    factor: float = 0.3

    def __post_init__(self) -> None:
        if not np.isfinite(self.factor):
            raise UsageError(f"the factor of focus directions is a finite number, got {self.factor}")

    def compile(self, target: Target) -> Sequence[Primitive]:
        import torch

        heads = self.head_list()
        check_heads(target, heads)
        queries = torch.from_numpy(self.factor * self.array("queries", len(heads), target.width)).float()
        keys = torch.from_numpy(self.factor * self.array("keys", len(heads), target.width)).float()
        context = target.find(str(self.learned.about["context"]))
        found: list[Primitive] = []
        for layer, places in by_layer(heads).items():
            chosen = tuple(heads[place][1] for place in places)
            found += [
                QueryAdd(queries[places], layers=(layer,), heads=chosen),
                KeyAdd(keys[places], context, later=False, layers=(layer,), heads=chosen),
            ]
        return found
