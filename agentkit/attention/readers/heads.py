"""What each head has to do with a picture: how much it looks at it, and how much it depends on it.

*Mass*: the share of the attention of the prompt's last token that falls on the image's tokens. *Divergence* (VHD,
arXiv 2412.13949): the Euclidean distance between what the head gives for the last token with and without the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UsageError

if TYPE_CHECKING:
    import torch

    from ...content import Image, Message
    from ..edits import Edit
    from ..lab import Lab, LabPrompt
    from ..primitives import Primitive
    from ..target import Target

# Added to the scores of hidden columns: their weights become e^-100 of what they were.
HIDDEN = -100.0


@dataclass(frozen=True)
class HeadScore:
    """One query head: ``mass`` is 0 to 1, ``divergence`` is in the units of the head's output."""

    layer: int
    head: int
    mass: float
    divergence: float


def visual_heads(
    lab: Lab, messages: Sequence[Message], image: Image | None = None, edits: Sequence[Edit] = ()
) -> list[HeadScore]:
    """Return the scores of all heads, layer by layer: two passes over the prompt.

    ``image``: one of the prompt's pictures, None for all of them. ``edits``: what acts meanwhile.
    Raises ``UsageError`` when the prompt has no such picture.
    """
    from ..reader import RowsReader

    prompt = lab.encode(messages)
    columns = image_columns(lab.target(prompt), image)
    mass = RowsReader([len(prompt) - 1], columns.tolist(), each=True)
    divergence, _ = head_divergence(lab, prompt, columns, edits, extra=mass)
    shares = mass.table().sum(-1)[..., 0]
    return [
        HeadScore(layer, head, float(shares[layer, head]), float(divergence[layer, head]))
        for layer in range(divergence.shape[0])
        for head in range(divergence.shape[1])
    ]


def head_divergence(
    lab: Lab,
    prompt: LabPrompt,
    columns: np.ndarray,
    edits: Sequence[Edit] = (),
    primitives: Sequence[Primitive] = (),
    layers: Sequence[int] | None = None,
    extra: object = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the divergence (layers, heads), and the norms (layers, heads) of what heads give without the image.

    ``columns``: the image's tokens, hidden from every row in the second pass. Hiding keeps all other tokens and
    their positions, on every architecture; the paper feeds the text alone, which also moves it. ``layers``:
    ascending, None for all. ``extra``: a reader of the first pass.
    """
    from ..primitives import KeyBias
    from ..reader import OutputsReader, Reader

    seen, blind = OutputsReader(layers), OutputsReader(layers)
    readers = [seen, extra] if isinstance(extra, Reader) else [seen]
    lab.forward(prompt, edits, readers, primitives=primitives)
    lab.forward(prompt, edits, [blind], primitives=[*primitives, KeyBias(columns, HIDDEN)])
    without = blind.result().float()
    return (seen.result().float() - without).norm(dim=-1), without.norm(dim=-1)


def image_columns(target: Target, image: Image | None) -> np.ndarray:
    """Return the tokens of a picture, or of all. Raises ``UsageError`` when the prompt has none."""
    if image is not None:
        return target.find(image)
    found = [part.tokens for part in target.spans.parts if part.image is not None]
    if not found:
        raise UsageError("the prompt has no picture", mend="add one, or use a method for text")
    return np.unique(np.concatenate(found))
