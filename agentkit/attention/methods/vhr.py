"""VHR: the heads that depend on the picture speak louder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ...content import Image
from ...errors import UsageError
from ..edits import Edit, check_factor
from .places import Place, check_places, layers_by_heads

if TYPE_CHECKING:
    import torch

    from ...content import Message
    from ..lab import Lab
    from ..primitives import HeadScale, Primitive
    from ..target import Target

# LLaVA-1.5's 32 layers: the second and the last 14.
LAST = 14 / 32


@dataclass(frozen=True)
class VHR(Edit):
    """Vision-aware head reinforcement (VHR, arXiv 2412.13949): scale what vision-aware heads give by ``alpha``.

    Before the first token is generated, layer by layer: the divergence of each head (VHD, see
    ``agentkit.attention.readers.heads``) for the prompt's last token, with the layers before already reinforced in
    both passes; outliers are dropped, and the ``share`` of the layer's heads that diverge most is scaled before the
    output projection, in every row that predicts the reply. The heads stay chosen for the whole reply.

    ``image``: the picture that counts, None for all. ``alpha``: published 2. ``share``: published one half.
    ``layers``: None for the second and the last 14 of every 32, LLaVA-1.5's choice in proportion. ``heads``: (layer,
    head) pairs chosen before, as ``choose_heads`` returns them; then nothing is looked for. Try alpha 1.25 to 2.5:
    a model of few layers takes less.

    An outlier's divergence, and the norm of what it gives without the image, are both above mean + one standard
    deviation of its layer. That rule is this implementation's reading: the paper drops heads that react to the
    missing image rather than to the image, its exact bound was not at hand. Changed: the image is hidden instead of
    left out, so that no other token moves. Costs two passes over the prompt a layer, before the reply.

    Raises ``UsageError`` for an alpha that is not positive and finite, a share outside of (0, 1], no such picture,
    and layers or heads that the model does not have.
    """

    name: ClassVar[str] = "vhr"
    source: ClassVar[str] = "VHD and VHR, arXiv 2412.13949"
    needs: ClassVar[tuple[str, ...]] = ("attention", "images")

    image: Image | None = None
    alpha: float = 2.0
    share: float = 0.5
    layers: tuple[int, ...] | None = None
    heads: tuple[Place, ...] | None = None

    def __post_init__(self) -> None:
        check_factor(self.alpha)
        if not 0 < self.share <= 1:
            raise UsageError(f"a share of heads is above 0 and at most 1, got {self.share}")

    def prepare(self, lab: Lab, messages: Sequence[Message], before: Sequence[Edit]) -> Sequence[Edit]:
        if self.heads is not None:
            return (self,)
        return (replace(self, heads=choose_heads(lab, messages, self, before)),)

    def compile(self, target: Target) -> Sequence[Primitive]:
        if self.heads is None:
            raise UsageError(
                "VHR has not looked at this prompt", mend="name heads, as vhr.choose_heads finds them"
            )
        check_places(self.heads, target)
        return scales(self.heads, self.alpha)


def choose_heads(
    lab: Lab, messages: Sequence[Message], edit: VHR, before: Sequence[Edit] = ()
) -> tuple[Place, ...]:
    """Return the heads that ``edit`` reinforces for a prompt. ``before``: the edits that act already."""
    from ..readers.heads import head_divergence, image_columns

    prompt = lab.encode(messages)
    target = lab.target(prompt)
    target.check(edit.layers)
    columns = image_columns(target, edit.image)
    chosen: list[Place] = []
    for layer in sorted(set(default_layers(target.layers) if edit.layers is None else edit.layers)):
        so_far = scales(chosen, edit.alpha)
        divergence, blind = head_divergence(lab, prompt, columns, before, so_far, (layer,))
        chosen += [(layer, head) for head in vision_aware(divergence[0], blind[0], edit.share)]
    return tuple(chosen)


def vision_aware(divergence: torch.Tensor, blind: torch.Tensor, share: float) -> list[int]:
    """Return the heads of a layer to reinforce, ascending, by divergence and norms without the image (heads)."""
    outlier = (divergence > _high(divergence)) & (blind > _high(blind))
    order = divergence.masked_fill(outlier, -1.0).argsort(descending=True, stable=True)
    kept = [head for head in order.tolist() if not bool(outlier[head])]
    return sorted(kept[: max(1, math.floor(share * len(divergence)))])


def default_layers(count: int) -> tuple[int, ...]:
    """Return the second and the last layers, as many of ``count`` as LLaVA-1.5's 14 are of 32 (one or more)."""
    last = max(1, round(LAST * count))
    return tuple(sorted({min(1, count - 1), *range(count - last, count)}))


def scales(places: Sequence[Place], alpha: float) -> tuple[HeadScale, ...]:
    """Return what scales heads in the rows that predict the reply."""
    from ..primitives import HeadScale

    return tuple(
        HeadScale(alpha, layers=layers, heads=heads, generated=True)
        for heads, layers in layers_by_heads(places).items()
    )


def _high(values: torch.Tensor) -> torch.Tensor:
    return values.mean() + values.std(correction=0)
