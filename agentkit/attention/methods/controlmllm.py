"""ControlMLLM (arXiv 2407.21534) and ControlMLLM++ (arXiv 2602.19505): a region referred to without words.

A latent, zero at first, is added to the projected tokens of a picture and moved, with the model frozen, so that the
attention from the words falls into the region (``controlmllm_fit`` has the energy and the descent).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...content import Box, Image, Message
from ...errors import UsageError
from ..edits import Edit, Ensemble, Variant
from ..lab import check_origin, origin
from ..learned import Learned
from ..regions import Region
from .contrast import check_contrast, contrast
from .controlmllm_fit import RECIPES, Descent, Look, descend, recipe_for

if TYPE_CHECKING:
    import torch

    from ..lab import Lab, LabPrompt
    from ..primitives import Primitive
    from ..target import Target


@dataclass(frozen=True)
class ControlMLLM(Edit):
    """Let the model attend to a region of a picture, by a latent that is optimised for each prompt.

    Made by ``Focus``. ``descent``: how (see ``Descent``; the published ones are in ``RECIPES``); None takes the
    recipe ``small`` for models of at most 12 layers and ``controlmllm++`` for others. ``changes``: single settings
    of it, as (name, value). ``layers``: exact layers to average, instead of the descent's share of the depth.

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
    descent: Descent | None = None
    changes: tuple[tuple[str, Any], ...] = ()
    layers: tuple[int, ...] | None = None

    def how(self, layers: int) -> Descent:
        """Return the descent for a model with this many layers."""
        return dataclasses.replace(self.descent or recipe_for(layers), **dict(self.changes))

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
        how = self.how(target.layers)
        layers = self.layers or how.layers(target.layers)
        look = Look.of(lab, prompt, self.region, how, layers, before)
        latent, passes = descend(look, how, target.hidden)
        about = {
            "method": self.name,
            **origin(lab),
            "image": self.region.image.sha256,
            "region": self.region.describe(),
            "layers": list(layers),
            "descent": how.describe(),
            "energies": [energy for energy, _ in passes],
            "shares": [share for _, share in passes],
        }
        return Learned({"latent": latent.numpy()}, about)

    def describe(self) -> dict[str, Any]:
        """Return the edit as plain data."""
        descent = None if self.descent is None else self.descent.describe()
        changes = {name: list(value) if isinstance(value, tuple) else value for name, value in self.changes}
        layers = None if self.layers is None else list(self.layers)
        where = {"region": self.region.describe(), "layers": layers}
        return {"edit": self.name, "descent": descent, "changes": changes} | where


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
        check_origin(self.latent.about, lab, "the latent")
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
    method: str | None = None,
    layers: tuple[int, ...] | None = None,
    debias: float | None = None,
    beta: float = 0.1,
    **changes: Any,
) -> ControlMLLM | Debiased:
    """Return an edit that refers to a region: a ``Region``, or an image and a box (pixels; None: the whole image).

    ``method``: a name of ``RECIPES``, None to choose by the model's depth (see ``ControlMLLM``); ``changes`` replace
    single settings of it (``updates=5``). ``debias``: also contrast with the prompt without the latent, alpha as in
    ``Debiased``. Raises ``UsageError`` for bad input.
    """
    if method is not None and method not in RECIPES:
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
    # Made once here so that a wrong value is told at once.
    dataclasses.replace(RECIPES[method or "small"], **changes)
    descent = None if method is None else RECIPES[method]
    focus = ControlMLLM(region, descent, tuple(sorted(changes.items())), layers)
    return focus if debias is None else Debiased(focus, debias, beta)
