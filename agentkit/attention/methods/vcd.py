"""Visual contrastive decoding (arXiv 2311.16922): what the picture says, less what a noisy picture lets one guess."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...content import Image, Message, images_of
from ...errors import UsageError
from ..edits import Edit, Ensemble, Variant
from .contrast import check_contrast, contrast
from .variations import redirected, repictured

if TYPE_CHECKING:
    import torch

STEPS = 1000
# Noise is in the units that CLIP-like towers see: pixels (0 to 1) less the mean, by the deviation.
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class VCD(Ensemble):
    """Contrast the pictures with noisy ones: logits (1 + alpha) l(picture) - alpha l(noisy picture).

    Source: arXiv 2311.16922, section 3 and the published code. Tokens whose probability with the clear picture is
    below ``beta`` times the largest are removed. Noise: ``step`` steps (0 to 999) of a diffusion of 1,000 steps with
    betas sigmoid(-6..6) * 0.00499 + 0.00001; 500 keeps 0.86 of the signal, 999 keeps 0.29. ``seed``: of the noise.
    Defaults as published: alpha 1, beta 0.1, step 500 (the code's fallback for alpha is 0.5).

    Dropped: noise is put into the picture itself (so every architecture can be given it) before it is resized,
    hence cut to 0..255; it has at most ``side`` cells on the longer side (336, what LLaVA-1.5 sees), so that it
    survives resizing. Kept: the constraint is on the clear picture's logits. Costs a second pass per token.
    To choose: on held-out questions, alpha first (0.25 to 1), then step. On presence questions of the embedded model
    alpha up to 0.5 changed no answer; alpha 1, or step 999, made it say yes to more absent things. Raises
    ``UsageError`` for a prompt without pictures.
    """

    name: ClassVar[str] = "vcd"
    source: ClassVar[str] = "Visual Contrastive Decoding, arXiv 2311.16922, section 3"
    needs: ClassVar[tuple[str, ...]] = ("attention", "images")

    alpha: float = 1.0
    beta: float = 0.1
    step: int = 500
    seed: int = 0
    side: int = 336

    def __post_init__(self) -> None:
        check_contrast(self.alpha, self.beta)
        if not 0 <= self.step < STEPS:
            raise UsageError(f"the noise step is 0 to {STEPS - 1}, got {self.step}")
        if self.side < 1:
            raise UsageError(f"noise has at least one cell a side, got {self.side}")

    def variants(self, messages: tuple[Message, ...], edits: tuple[Edit, ...]) -> tuple[Variant, ...]:
        pictures = images_of(messages)
        if not pictures:
            raise UsageError("there is no picture to contrast", mend="give a picture, or leave out the edit")
        noisy = {image: noised(image, self.step, self.seed, self.side) for image in pictures}
        return (
            Variant(messages, edits),
            Variant(repictured(messages, noisy), redirected(edits, noisy)),
        )

    def merge(self, logits: torch.Tensor) -> torch.Tensor:
        return contrast(logits[0], logits[1], self.alpha, self.beta)


@lru_cache(maxsize=32)
def noised(image: Image, step: int, seed: int = 0, side: int = 336) -> Image:
    """Return a picture after ``step`` steps of diffusion: sqrt(a) x + sqrt(1 - a) noise, the same for every seed."""
    from PIL import Image as Pillow

    kept = signal_kept(step)
    width, height = image.size
    across = max(1.0, max(width, height) / side)
    cells = max(1, round(height / across)), max(1, round(width / across))
    random = np.random.default_rng([seed, int(image.sha256[:8], 16)])
    noise = random.standard_normal((*cells, 3), dtype=np.float32)
    rows, columns = (np.arange(height) * cells[0] // height, np.arange(width) * cells[1] // width)
    mean, deviation = np.array(MEAN, np.float32), np.array(DEVIATION, np.float32)
    seen = (np.asarray(image.pixels, np.float32) / 255 - mean) / deviation
    mixed = np.sqrt(kept) * seen + np.sqrt(1 - kept) * noise[rows][:, columns]
    pixels = np.clip((mixed * deviation + mean) * 255, 0, 255).round().astype(np.uint8)
    return Image.of_pixels(Pillow.fromarray(pixels))


def signal_kept(step: int) -> float:
    """Return the share of variance (the cumulated alpha) that is left after a step."""
    betas = 1 / (1 + np.exp(-np.linspace(-6, 6, STEPS))) * (0.5e-2 - 1e-5) + 1e-5
    return float(np.prod(1 - betas[: step + 1]))
