"""Reading attention: the softmax of a few query rows, never a matrix of all rows."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from .compile import Bias
from .function import weights_of


@dataclass(frozen=True)
class Site:
    """One layer of one pass, as the attention function sees it, edits included.

    ``query``: (batch, heads, rows, width); ``key``: (batch, key heads, keys, width), rotated. ``out``: what the heads
    give, (batch, rows, heads, width). ``mask``: None (causal), boolean or additive. ``explicit``: the whole attention
    (batch, heads, rows, keys) that ``out`` was made from, where a reader asked for it.
    """

    layer: int
    query: torch.Tensor
    key: torch.Tensor
    mask: torch.Tensor | None
    scale: float
    biases: tuple[Bias, ...]
    out: torch.Tensor
    explicit: torch.Tensor | None = None

    @property
    def start(self) -> int:
        """The index of the first row among all tokens so far."""
        return self.key.shape[2] - self.query.shape[2]

    def weights(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the attention (batch, heads, chosen rows, keys) of rows, which are counted from the pass's first.

        float32; gradients flow through it where they are on.
        """
        return weights_of(self.query, self.key, self.mask, self.scale, self.biases, rows)


class Reader(abc.ABC):
    """Is handed every layer that it wants, in every pass inside ``reallocating``."""

    layers: Sequence[int] | None = None

    def wants(self, layer: int) -> bool:
        """Whether the attention of a layer is to be read."""
        return self.layers is None or layer in self.layers

    @abc.abstractmethod
    def read(self, site: Site) -> None:
        """Take what is wanted of one layer."""

    def read_hidden(self, layer: int, hidden: torch.Tensor) -> None:  # noqa: B027 - few readers want it
        """Take what a layer gives, (batch, rows, hidden), with residual edits. Needs ``reads_hidden``."""

    # Whether it takes what layers give, and whether the output must be made from explicit weights: a T x T matrix
    # a head, for short prompts and gradients only.
    reads_hidden: bool = False
    explicit: bool = False


@dataclass
class RowsReader(Reader):
    """Collects how much chosen rows attend to chosen columns, averaged over layers and heads.

    ``rows`` and ``columns``: token indices of the prompt (batch of 1). ``layers`` and ``heads``: None for all.
    Works for a forward pass over the whole prompt; edits that are active are part of what is read. With
    ``each``, the layers and heads are kept apart.
    """

    rows: Sequence[int]
    columns: Sequence[int]
    layers: Sequence[int] | None = None
    heads: Sequence[int] | None = None
    each: bool = False
    _kept: list[torch.Tensor] = field(default_factory=list, init=False)

    def read(self, site: Site) -> None:
        weights = site.weights(torch.as_tensor(list(self.rows)))[0][..., torch.as_tensor(list(self.columns))]
        picked = weights if self.heads is None else weights[list(self.heads)]
        self._kept.append(picked if self.each else picked.mean(0))

    def result(self) -> torch.Tensor:
        """Return the mean attention (rows, columns). Raises ``RuntimeError`` when nothing was read."""
        kept = self._all()
        return kept.mean((0, 1)) if self.each else kept.mean(0)

    def table(self) -> torch.Tensor:
        """Return the attention (layers, heads, rows, columns), with ``each``."""
        if not self.each:
            raise RuntimeError("the reader averaged layers and heads")
        return self._all()

    def _all(self) -> torch.Tensor:
        if not self._kept:
            raise RuntimeError("no forward pass was read")
        return torch.stack(self._kept)


@dataclass
class OutputsReader(Reader):
    """Collects what every head gives in the last row, (layers, heads, width), of the first row of the batch."""

    layers: Sequence[int] | None = None
    _kept: list[torch.Tensor] = field(default_factory=list, init=False)

    def read(self, site: Site) -> None:
        # A copy: a view would keep the whole layer's output alive.
        self._kept.append(site.out[0, -1].clone())

    def result(self) -> torch.Tensor:
        """Return the outputs (layers, heads, width)."""
        return torch.stack(self._kept)


@dataclass
class HiddenReader(Reader):
    """Collects what chosen layers give in the last row, (layers, hidden), of the first row of the batch."""

    layers: Sequence[int] | None = None
    reads_hidden: bool = field(default=True, init=False)
    _kept: dict[int, torch.Tensor] = field(default_factory=dict, init=False)

    def wants(self, layer: int) -> bool:
        return False

    def read(self, site: Site) -> None:
        """Nothing: it reads what layers give, not their attention."""

    def read_hidden(self, layer: int, hidden: torch.Tensor) -> None:
        if self.layers is None or layer in self.layers:
            self._kept[layer] = hidden[0, -1]

    def result(self) -> torch.Tensor:
        """Return the states (layers, hidden), in the order of the layers."""
        return torch.stack([self._kept[layer] for layer in sorted(self._kept)])
