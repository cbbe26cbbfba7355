"""What a method may do with a model before it acts: encode, run, read, differentiate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ..content import Message
    from .edits import Edit
    from .primitives import Primitive
    from .reader import Reader
    from .target import Target


class LabPrompt(Protocol):
    """An encoded prompt: ``ids`` (tokens, int64)."""

    @property
    def ids(self) -> np.ndarray: ...

    def __len__(self) -> int: ...


class Lab(Protocol):
    """A local model on its own thread, whole passes without a cache. ``agentkit.models.local_lab`` implements it."""

    tokenizer: Any
    reference: str
    weights: str  # digest of the model's files

    def encode(self, messages: Sequence[Message], reply: str | None = None) -> LabPrompt:
        """Return the prompt of messages; with ``reply``, its tokens (and the end of the turn) follow."""
        ...

    def target(self, prompt: LabPrompt) -> Target:
        """Return what edits compile against; the spans are those of the messages."""
        ...

    def forward(
        self,
        prompt: LabPrompt,
        edits: Sequence[Edit] = (),
        readers: Sequence[Reader] = (),
        *,
        primitives: Sequence[Primitive] = (),
        last: int = 1,
        gradients: bool = False,
    ) -> torch.Tensor:
        """Return the logits (last, vocabulary) of one prompt's last tokens, read on the way.

        ``primitives`` act beside the edits; with ``gradients`` their tensors may be differentiated through (the
        weights stay frozen).
        """
        ...


def origin(lab: Lab) -> dict[str, str]:
    """Return which model something was learned of, for ``Learned.about``."""
    return {"model": lab.reference, "weights": lab.weights}


def check_origin(about: Mapping[str, Any], lab: Lab, name: str) -> None:
    """Raise ``UsageError`` when something was learned of other weights (told by the reference where that is all)."""
    key, own = ("weights", lab.weights) if about.get("weights") else ("model", lab.reference)
    if about.get(key) != own:
        raise UsageError(
            f"what {name} was given was fitted on {about.get('model')}, not on {lab.reference} as it is now",
            mend="fit it on this model",
        )
