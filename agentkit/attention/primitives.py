"""The few things that an edit can do inside the fused attention. A method compiles to a tuple of these.

Tokens are indices of the prompt; what follows the prompt (generated tokens, scored options) is called *later*.
Heads are query heads. ``layers`` and ``heads``: None for all. Numbers may be tensors that require gradients.

Inside a layer, in this order: ``QueryAdd`` and ``KeyAdd``, ``KeyScale`` (of the scores), ``KeyBias`` and ``Groups``
(biases add up), the softmax; then on what each head gives: ``HeadCopy`` (from the row as it is before its own head
edits), ``HeadScale`` (factors multiply), ``HeadAdd``. ``ResidualAdd`` acts on what the layer gives, ``Latent`` on
what the first layer gets, ``Rotary`` on all layers.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False, kw_only=True)
class Primitive:
    """Where it acts: layers, and query heads where heads matter."""

    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None

    def touched(self, tokens: int) -> np.ndarray:
        """Return the tokens of a prompt whose state, or whose visibility, this changes on its own."""
        return np.arange(tokens)

    def digest(self) -> int:
        """Return a number (int64) that tells primitives apart whose effect on a touched token differs."""
        found = hashlib.sha256(type(self).__name__.encode())
        for field in dataclasses.fields(self):
            if field.name != "tokens":
                found.update(_bytes(getattr(self, field.name)))
        return int(np.frombuffer(found.digest()[:8], dtype=np.int64)[0])


@dataclass(frozen=True, eq=False)
class OnTokens(Primitive):
    """Acts on some tokens of the prompt, and on nothing else of it by itself."""

    tokens: np.ndarray

    def touched(self, tokens: int) -> np.ndarray:
        return self.tokens


@dataclass(frozen=True, eq=False)
class StateAdd(Primitive):
    """Adds vectors to queries or keys. ``tokens``: None for all of the prompt; ``later``: and to later ones."""

    vectors: torch.Tensor
    tokens: np.ndarray | None = None
    later: bool = True

    def touched(self, tokens: int) -> np.ndarray:
        return np.arange(tokens) if self.tokens is None else self.tokens


@dataclass(frozen=True, eq=False)
class KeyBias(OnTokens):
    """Add to the scores of key columns before the softmax, in every row: ln M multiplies their weight by M.

    ``value``: one number, or one a token (tokens). ``later``: added to every later column.
    """

    value: float | torch.Tensor
    later: float = 0.0


@dataclass(frozen=True, eq=False)
class KeyScale(OnTokens):
    """Multiply the scores of key columns (not their weights). ``value``: one number, or one a named head (heads)."""

    value: float | torch.Tensor


@dataclass(frozen=True, eq=False)
class QueryAdd(StateAdd):
    """Add vectors (named heads, width) to the queries of some tokens (None: all), after the rotation by position.

    ``later``: also to those of later tokens.
    """


@dataclass(frozen=True, eq=False)
class KeyAdd(StateAdd):
    """Add vectors (named heads, width) to the keys of some tokens (None: all), after the rotation by position.

    Query heads that share a key head may get different ones: their keys are then copied for that layer.
    """


@dataclass(frozen=True, eq=False)
class Groups(Primitive):
    """Grouped attention merged by log-sum-exp.

    ``group``: per token of the prompt the number of its group, -1 for shared tokens. A token of a group sees its
    group and the shared tokens before it. A shared or later token attends to each group (with all shared tokens)
    apart, and the results are merged by the exponential of their log-sum-exps. That sum holds every shared column
    once a group, so it is one attention with ln(number of groups) added to shared columns.
    """

    group: np.ndarray

    def touched(self, tokens: int) -> np.ndarray:
        return np.arange(int(np.argmax(self.group >= 0)), tokens)


@dataclass(frozen=True, eq=False)
class HeadScale(Primitive):
    """Multiply what heads give, before the output projection. ``value``: one number, or one a named head.

    ``generated``: only in the rows that predict the reply (the prompt's last token and later ones).
    """

    value: float | torch.Tensor
    generated: bool = False

    def touched(self, tokens: int) -> np.ndarray:
        return np.array([tokens - 1]) if self.generated else np.arange(tokens)


@dataclass(frozen=True, eq=False)
class HeadAdd(Primitive):
    """Add vectors (named heads, width) to what heads give. ``generated``: as for ``HeadScale``."""

    vectors: torch.Tensor
    generated: bool = False

    def touched(self, tokens: int) -> np.ndarray:
        return np.array([tokens - 1]) if self.generated else np.arange(tokens)


@dataclass(frozen=True, eq=False)
class HeadCopy(Primitive):
    """Add ``value`` times what the same heads give in another row of the batch: variant ``source`` of an ensemble.

    ``value``: one number, or one a named head. ``generated``: as for ``HeadScale``.
    """

    source: int
    value: float | torch.Tensor
    generated: bool = False


@dataclass(frozen=True, eq=False)
class ResidualAdd(Primitive):
    """Add a vector (hidden) to what layers give. ``tokens``: of the prompt, None for all; ``later``: and later ones."""

    vector: torch.Tensor
    tokens: np.ndarray | None = None
    later: bool = True

    def touched(self, tokens: int) -> np.ndarray:
        return np.arange(tokens) if self.tokens is None else self.tokens


@dataclass(frozen=True, eq=False)
class Latent(OnTokens):
    """Add values (tokens, hidden) to the embeddings of tokens (the projected image tokens, for pictures)."""

    values: torch.Tensor


@dataclass(frozen=True, eq=False)
class Rotary(Primitive):
    """Multiply the base of the rotary position embedding, in all layers, each its own. Other scaling is kept."""

    scale: float


def _bytes(value: Any) -> bytes:
    if value is None or isinstance(value, (int, float, str, tuple)):
        return repr(value).encode()
    array = value if isinstance(value, np.ndarray) else value.detach().float().cpu().numpy()
    return repr(array.shape).encode() + np.ascontiguousarray(array).tobytes()
