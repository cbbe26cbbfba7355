"""What methods share that learn something of a model: edits that hold a ``Learned``, and replies as lessons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ...errors import UsageError
from ..edits import Edit
from ..lab import check_origin
from ..learned import Learned

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ...content import Message
    from ..lab import Lab, LabPrompt
    from ..primitives import Primitive
    from ..target import Target


@dataclass(frozen=True)
class FittedEdit(Edit):
    """An edit that holds what its method learned of one model.

    ``prepare`` raises ``UsageError`` for what was learned of another model (told by its weights).
    """

    learned: Learned

    def prepare(self, lab: Lab, messages: Sequence[Message], before: Sequence[Edit]) -> Sequence[Self]:
        check_origin(self.learned.about, lab, self.name)
        return (self,)

    def array(self, name: str, *shape: int) -> np.ndarray:
        """Return a learned array. Raises ``UsageError`` when it is of another method or shape."""
        method, found = self.learned.about.get("method"), self.learned.arrays.get(name)
        if method != self.name or found is None:
            raise UsageError(f"{self.name} was given what {method} learned", mend=f"fit it for {self.name}")
        if found.shape != shape:
            raise UsageError(
                f"{self.name} was given {name} of shape {found.shape}; this model takes {shape}",
                mend="fit it on this model",
            )
        return found

    def layer_list(self) -> tuple[int, ...]:
        """Return the layers that were fitted."""
        return tuple(self.learned.about.get("layers", ()))

    def head_list(self) -> list[tuple[int, int]]:
        """Return the fitted heads as (layer, head)."""
        return [(int(layer), int(head)) for layer, head in self.learned.about.get("heads", ())]


@dataclass(frozen=True)
class Taught:
    """A prompt with its reply behind it. ``count``: tokens of the reply, with the end of the turn."""

    prompt: LabPrompt
    count: int

    @classmethod
    def of(cls, lab: Lab, messages: Sequence[Message], reply: str) -> Taught:
        """Return the encoded example."""
        prompt = lab.encode(messages, reply)
        return cls(prompt, len(prompt) - len(lab.encode(messages)))

    def log_likelihood(
        self,
        lab: Lab,
        edits: Sequence[Edit] = (),
        *,
        primitives: Sequence[Primitive] = (),
        gradients: bool = False,
    ) -> torch.Tensor:
        """Return the log-probability of every token of the reply (count)."""
        import torch

        logits = lab.forward(
            self.prompt, edits, primitives=primitives, last=self.count + 1, gradients=gradients
        )
        wanted = torch.from_numpy(self.prompt.ids[-self.count :])
        return logits[:-1].log_softmax(-1).gather(-1, wanted[:, None])[:, 0]


def by_layer(heads: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """Return, per layer, the places in ``heads`` (layer, head) of its heads."""
    found: dict[int, list[int]] = {}
    for place, (layer, _) in enumerate(heads):
        found.setdefault(layer, []).append(place)
    return found


def check_heads(target: Target, heads: Sequence[tuple[int, int]]) -> None:
    """Raise ``UsageError`` for (layer, head) pairs that the model does not have, or none."""
    target.check([layer for layer, _ in heads], [head for _, head in heads])
