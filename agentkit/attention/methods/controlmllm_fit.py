"""How ControlMLLM finds its latent: the energy of the attention, and the descent.

    E = strength * (1 - sum(a * m) / sum(a))^2

where a is the attention on the cells of the picture's grid, averaged over layers, heads and query rows, and m is the
region: 0 and 1 for a box or mask, a Gaussian density of the distance for a scribble or point (``Region.soft``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import UsageError
from ..edits import Edit
from ..regions import Region

if TYPE_CHECKING:
    import torch

    from ..lab import Lab, LabPrompt


@dataclass(frozen=True)
class Descent:
    """How the latent is found.

    ``rows``: whose attention counts: all words after the picture (``words``; the template's closing tokens are
    among them) or the last token of the prompt (``last``). ``depth``: the share of the layers that are averaged, as
    (start, end) from 0 to 1, so that a range of the paper's 32 layers fits other depths. ``optimiser``: a gradient
    ``step``, or ``adam`` (0.9, 0.999, eps 1e-3). ``rate``: its learning rate. ``updates``: how many. ``average``: the
    latent that acts is ``average`` * the new one + (1 - ``average``) * the one that acted before (1: no averaging).
    ``stop``: end when the energy differs from the first by more than this share. ``sigma``: of scribbles and points.
    ``accumulate``: each pass adds its latent to those before, as v1's code does (it changes its embeddings in place).
    """

    rows: Literal["words", "last"] = "last"
    depth: tuple[float, float] = (14 / 32, 26 / 32)
    optimiser: Literal["step", "adam"] = "adam"
    rate: float = 0.03
    updates: int = 3
    average: float = 1.0
    stop: float | None = None
    sigma: float = 0.4
    strength: float = 400.0
    accumulate: bool = False

    def __post_init__(self) -> None:
        start, end = self.depth
        wrong = [
            (not 0 <= start < end <= 1, f"depth is a range from 0 to 1, got {self.depth}"),
            (self.rows not in ("words", "last"), f"rows are 'words' or 'last', got {self.rows!r}"),
            (self.optimiser not in ("step", "adam"), f"'step' or 'adam', not {self.optimiser!r}"),
            (not (math.isfinite(self.rate) and self.rate > 0), f"the rate is positive, got {self.rate}"),
            (self.updates < 1, f"at least one update is made, got {self.updates}"),
            (not 0 < self.average <= 1, f"the average is in (0, 1], got {self.average}"),
            (self.stop is not None and not self.stop > 0, f"stop is a positive share, got {self.stop}"),
            (not self.sigma > 0, f"sigma is positive, got {self.sigma}"),
            (not self.strength > 0, f"the strength is positive, got {self.strength}"),
        ]
        for happened, said in wrong:
            if happened:
                raise UsageError(said)

    def describe(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return dataclasses.asdict(self) | {"depth": list(self.depth)}

    def layers(self, count: int) -> tuple[int, ...]:
        """Return the layers of a model with ``count`` of them, at least one."""
        first = min(count - 1, round(self.depth[0] * count))
        return tuple(range(first, max(first + 1, round(self.depth[1] * count))))


# ``small`` was chosen on tuning scenes of the embedded model (4 layers, two look-alikes, seeds 10,001 on), where the
# published rate of ++ moves too little attention; the others are as published.
# T of the first paper counts updates (5 for object, 4 for text classification); of the second the final generation
# too (4, so 3 updates; 2 to 5 by task). Qwen2.5-VL has 28 layers, of which 12 to 27 are averaged.
RECIPES: dict[str, Descent] = {
    "controlmllm": Descent("words", (0.0, 1.0), "step", 1.0, 5, average=0.5, stop=0.25, sigma=0.1),
    "controlmllm++": Descent(),
    "controlmllm++ qwen": Descent(depth=(12 / 28, 1.0)),
    "small": Descent(rate=0.2, updates=4),
}
SMALL = 12


def recipe_for(layers: int) -> Descent:
    """Return the recipe for a model with this many layers: ``small`` up to 12, else ``controlmllm++``."""
    return RECIPES["small" if layers <= SMALL else "controlmllm++"]


def energy(attention: torch.Tensor, region: torch.Tensor, strength: float = 400.0) -> torch.Tensor:
    """Return E of the attention on cells (cells) and the region's weights (cells)."""
    return strength * (1 - share(attention, region)).square()


def share(attention: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
    """Return the share of the attention on cells that is in the region."""
    return (attention * region).sum() / attention.sum()


@dataclass(frozen=True)
class Look:
    """What is measured: the energy of one prompt under a latent, and its gradient."""

    lab: Lab
    prompt: LabPrompt
    before: Sequence[Edit]
    cells: np.ndarray
    rows: np.ndarray
    layers: tuple[int, ...]
    region: torch.Tensor
    strength: float

    @classmethod
    def of(
        cls,
        lab: Lab,
        prompt: LabPrompt,
        region: Region,
        descent: Descent,
        layers: tuple[int, ...],
        before: Sequence[Edit],
    ) -> Look:
        import torch

        target = lab.target(prompt)
        span, cells = target.cells(region.image)
        assert span.grid is not None
        assert span.view is not None
        weights = region.soft(span.grid, span.view, descent.sigma).ravel()
        rows = np.array([target.tokens - 1])
        if descent.rows == "words":
            pictures = [part.tokens for part in target.spans.parts if part.image is not None]
            after = np.arange(int(span.tokens.max()) + 1, target.tokens)
            rows = np.setdiff1d(after, np.concatenate(pictures))
        return cls(lab, prompt, before, cells, rows, layers, torch.from_numpy(weights), descent.strength)

    def measure(self, latent: torch.Tensor) -> tuple[float, float, torch.Tensor]:
        """Return the energy, the share in the region, and the gradient of the energy by the latent."""
        import torch

        from ..primitives import Latent
        from ..reader import RowsReader

        with torch.enable_grad():
            leaf = latent.detach().clone().requires_grad_()
            reader = RowsReader(self.rows.tolist(), self.cells.tolist(), self.layers)
            added = [Latent(self.cells, leaf)]
            self.lab.forward(self.prompt, self.before, [reader], primitives=added, gradients=True)
            attention = reader.result().mean(0)
            value = energy(attention, self.region, self.strength)
            (gradient,) = torch.autograd.grad(value, leaf)
        return float(value.detach()), float(share(attention.detach(), self.region)), gradient


def descend(look: Look, how: Descent, hidden: int) -> tuple[torch.Tensor, list[tuple[float, float]]]:
    """Return the latent (cells, hidden) that acts in the end, and per pass the energy and the share."""
    import torch

    raw = torch.zeros(len(look.cells), hidden)
    shown, summed = torch.zeros_like(raw), torch.zeros_like(raw)
    optimiser: Any = (
        torch.optim.Adam([raw], lr=how.rate, betas=(0.9, 0.999), eps=1e-3)
        if how.optimiser == "adam"
        else torch.optim.SGD([raw], lr=how.rate)
    )
    passes: list[tuple[float, float]] = []
    for _ in range(how.updates):
        now = how.average * raw + (1 - how.average) * shown
        acting = now + summed if how.accumulate else now
        value, part, gradient = look.measure(acting)
        passes.append((value, part))
        summed = acting
        if how.stop is not None and abs(value - passes[0][0]) > how.stop * passes[0][0]:
            break
        shown = now
        raw.grad = how.average * gradient
        optimiser.step()
    now = how.average * raw + (1 - how.average) * shown
    return (now + summed if how.accumulate else now).detach(), passes
