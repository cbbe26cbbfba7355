"""ControlMLLM (arXiv 2407.21534) and ControlMLLM++ (arXiv 2602.19505): a region referred to without words.

A latent, zero at first, is added to the projected tokens of a picture and moved, with the model frozen, so that the
attention from the words falls into the region: down the gradient of the energy

    E = strength * (1 - sum(a * m) / sum(a))^2

where a is the attention on the cells of the picture's grid, averaged over layers, heads and query rows, and m is the
region: 0 and 1 for a box or mask, a Gaussian density of the distance for a scribble or point (``Region.soft``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ...content import Box, Image, Message
from ...errors import UsageError
from ..edits import Edit, Ensemble, Variant
from ..learned import Learned
from ..regions import Region
from .contrast import check_contrast, contrast

if TYPE_CHECKING:
    import torch

    from ..lab import Lab, LabPrompt
    from ..primitives import Primitive
    from ..target import Target


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

    def layers(self, count: int) -> tuple[int, ...]:
        """Return the layers of a model with ``count`` of them, at least one."""
        first = min(count - 1, round(self.depth[0] * count))
        return tuple(range(first, max(first + 1, round(self.depth[1] * count))))


# T of the first paper counts updates (5 for object, 4 for text classification); of the second the final generation
# too (4, so 3 updates; 2 to 5 by task). Qwen2.5-VL has 28 layers, of which 12 to 27 are averaged.
RECIPES: dict[str, Descent] = {
    "controlmllm": Descent("words", (0.0, 1.0), "step", 1.0, 5, average=0.5, stop=0.25, sigma=0.1),
    "controlmllm++": Descent(),
    "controlmllm++ qwen": Descent(depth=(12 / 28, 1.0)),
}


@dataclass(frozen=True)
class ControlMLLM(Edit):
    """Let the model attend to a region of a picture, by a latent that is optimised for each prompt.

    Made by ``Focus``. ``descent``: how (see ``Descent``; the published ones are in ``RECIPES``). ``layers``: exact
    layers to average, instead of the descent's share of the depth.

    Kept: sums and means in the published order, the energy's strength 400, Adam's constants, the density (not a
    weight of at most 1) as soft mask: with sigma 0.1 its peak is 3.99, so that the energy can rise again when
    attention is more concentrated than that. Kept for v1: the gradient is that of the raw latent, hence halved by
    the averaging; early stop compares with the first energy. Dropped: the in-place sum of latents (an option), the
    nearest-pixel resizing of masks (a cell is in a box when they overlap), generating a reply on every iteration.
    In a picture that a model cuts into tiles the latent and the energy are those of the whole view.

    Costs ``updates`` forward and backward passes over the whole prompt before the reply. To choose: watch
    ``Learned.about["shares"]`` (attention in the region before each update): it should rise by about a half to
    threefold; answers break down before it reaches 1. Raises ``UsageError`` for layers that the model does not
    have, a picture that is not in the prompt or whose grid is not known.
    """

    name: ClassVar[str] = "controlmllm"
    source: ClassVar[str] = "ControlMLLM, arXiv 2407.21534; ControlMLLM++, arXiv 2602.19505"
    needs: ClassVar[tuple[str, ...]] = ("attention", "images", "gradients")

    region: Region
    descent: Descent = field(default_factory=Descent)
    layers: tuple[int, ...] | None = None

    def compile(self, target: Target) -> Sequence[Primitive]:
        raise UsageError(
            f"{self.name} finds its latent by looking at the model first",
            mend="give it to a call of a local model, or use the AddedLatent that its prepare() returns",
        )

    def prepare(self, lab: Lab, messages: Sequence[Message], before: Sequence[Edit]) -> Sequence[Edit]:
        prompt = lab.encode(messages)
        return (AddedLatent(self.region.image, self.fit(lab, prompt, before)),)

    def fit(self, lab: Lab, prompt: LabPrompt, before: Sequence[Edit] = ()) -> Learned:
        """Return the latent (``latent``: cells, hidden) for one prompt, on the model's own thread.

        ``about`` has the layers, and per measured pass ``energies`` and ``shares``, the first of the unedited model.
        """
        target = lab.target(prompt)
        target.check(self.layers)
        layers = self.layers or self.descent.layers(target.layers)
        look = _Look.of(lab, prompt, target, self.region, self.descent, layers, tuple(before))
        latent, passes = _descend(look, self.descent, target.hidden)
        about = {
            "method": self.name,
            "model": lab.reference,
            "image": self.region.image.sha256,
            "region": self.region.describe(),
            "layers": list(layers),
            "descent": dataclasses.asdict(self.descent) | {"depth": list(self.descent.depth)},
            "energies": [energy for energy, _ in passes],
            "shares": [share for _, share in passes],
        }
        return Learned({"latent": latent.numpy()}, about)

    def describe(self) -> dict[str, Any]:
        """Return the edit as plain data."""
        descent = dataclasses.asdict(self.descent) | {"depth": list(self.descent.depth)}
        layers = None if self.layers is None else list(self.layers)
        return {"edit": self.name, "region": self.region.describe(), "descent": descent, "layers": layers}


@dataclass(frozen=True)
class AddedLatent(Edit):
    """Add a latent that ``ControlMLLM`` found to the tokens of its picture.

    Raises ``UsageError`` for a latent of another picture, another model or another grid.
    """

    name: ClassVar[str] = "added_latent"
    source: ClassVar[str] = ControlMLLM.source
    needs: ClassVar[tuple[str, ...]] = ("attention", "images")

    image: Image
    latent: Learned

    def prepare(self, lab: Lab, messages: Sequence[Message], before: Sequence[Edit]) -> Sequence[Edit]:
        if self.latent.about.get("model") != lab.reference:
            raise UsageError(
                f"the latent is of the model {self.latent.about.get('model')}, not {lab.reference}"
            )
        return (self,)

    def compile(self, target: Target) -> Sequence[Primitive]:
        import torch

        from ..primitives import Latent

        if self.latent.about.get("image") != self.image.sha256 or "latent" not in self.latent.arrays:
            raise UsageError("the latent is not one of this picture", mend="fit one with ControlMLLM.fit")
        _, cells = target.cells(self.image)
        values = self.latent.arrays["latent"]
        if values.shape != (len(cells), target.hidden):
            wanted = (len(cells), target.hidden)
            raise UsageError(f"the latent is of shape {values.shape}, the picture's tokens are of {wanted}")
        return (Latent(cells, torch.from_numpy(np.array(values, np.float32))),)


@dataclass(frozen=True)
class Debiased(Ensemble):
    """Contrast the prompt with a latent and without (PromptDebias of ControlMLLM++, arXiv 2602.19505).

    Logits (1 + alpha) l(with) - alpha l(without), for tokens with at least ``beta`` times the largest probability
    with the latent. Published: alpha 0.7 (classification) or 0.1 (description), beta 0.1. The code of this step was
    not at hand: the formula is the usual one of contrastive decoding, from memory.
    """

    name: ClassVar[str] = "controlmllm_debiased"
    source: ClassVar[str] = "ControlMLLM++, arXiv 2602.19505 (formula of the contrast from memory)"
    needs: ClassVar[tuple[str, ...]] = ControlMLLM.needs

    focus: ControlMLLM
    alpha: float = 0.7
    beta: float = 0.1

    def __post_init__(self) -> None:
        check_contrast(self.alpha, self.beta)

    def variants(self, messages: tuple[Message, ...], edits: tuple[Edit, ...]) -> tuple[Variant, ...]:
        return (Variant(messages, (*edits, self.focus)), Variant(messages, edits))

    def merge(self, logits: torch.Tensor) -> torch.Tensor:
        return contrast(logits[0], logits[1], self.alpha, self.beta)


def Focus(  # noqa: N802 - reads as a class
    where: Region | Image,
    box: Box | tuple[float, float, float, float] | None = None,
    *,
    method: str = "controlmllm++",
    layers: tuple[int, ...] | None = None,
    debias: float | None = None,
    beta: float = 0.1,
    **changes: Any,
) -> ControlMLLM | Debiased:
    """Return an edit that refers to a region: a ``Region``, or an image and a box (pixels; None: the whole image).

    ``method``: a name of ``RECIPES``; ``changes`` replace single settings of it (``updates=5``). ``debias``: also
    contrast with the prompt without the latent, alpha as in ``Debiased``. Raises ``UsageError`` for bad input.
    """
    if method not in RECIPES:
        raise UsageError(f"there is no method {method!r}", mend=f"use one of {', '.join(RECIPES)}")
    unknown = set(changes) - {item.name for item in dataclasses.fields(Descent)}
    if unknown:
        raise UsageError(f"a descent has no setting {sorted(unknown)[0]!r}")
    if isinstance(where, Region):
        if box is not None:
            raise UsageError("give a region, or an image and a box, not both")
        region = where
    else:
        region = Region.of_box(where, box or (0, 0, *where.size))
    focus = ControlMLLM(region, dataclasses.replace(RECIPES[method], **changes), layers)
    return focus if debias is None else Debiased(focus, debias, beta)


def energy(attention: torch.Tensor, region: torch.Tensor, strength: float = 400.0) -> torch.Tensor:
    """Return E of the attention on cells (cells) and the region's weights (cells)."""
    return strength * (1 - share(attention, region)).square()


def share(attention: torch.Tensor, region: torch.Tensor) -> torch.Tensor:
    """Return the share of the attention on cells that is in the region."""
    return (attention * region).sum() / attention.sum()


@dataclass(frozen=True)
class _Look:
    """What is measured: the energy of one prompt under a latent, and its gradient."""

    lab: Lab
    prompt: LabPrompt
    before: tuple[Edit, ...]
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
        target: Target,
        region: Region,
        descent: Descent,
        layers: tuple[int, ...],
        before: tuple[Edit, ...],
    ) -> _Look:
        import torch

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


def _descend(look: _Look, how: Descent, hidden: int) -> tuple[torch.Tensor, list[tuple[float, float]]]:
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
