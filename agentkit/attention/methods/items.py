"""Training items, and how likely a model finds replies to them: what profiles and searches look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ...errors import UsageError
from .fitted import Taught

if TYPE_CHECKING:
    import torch

    from ...content import Message
    from ..edits import Edit
    from ..lab import Lab

# How log-likelihoods of options are compared: of whole replies, or divided by their numbers of tokens.
By: TypeAlias = Literal["mean", "sum"]


class Item(Protocol):
    """A question with options, of which number ``right`` is the answer."""

    @property
    def messages(self) -> tuple[Message, ...]: ...

    @property
    def options(self) -> tuple[str, ...]: ...

    @property
    def right(self) -> int: ...


def check_items(items: Sequence[Item]) -> None:
    """Raise ``UsageError`` when there is no item, or one has less than two options or no right one."""
    if not items:
        raise UsageError("there are no items to learn from")
    for item in items:
        if len(item.options) < 2 or not 0 <= item.right < len(item.options):
            raise UsageError(
                f"option {item.right} of {len(item.options)} can't be the answer of an item",
                mend="an item has two or more options, and the index of the right one",
            )


@dataclass(frozen=True)
class Asked:
    """An item, encoded once: each of its options behind its messages."""

    options: tuple[Taught, ...]
    right: int

    @classmethod
    def of(cls, lab: Lab, item: Item) -> Asked:
        """Return the encoded item."""
        return cls(tuple(Taught.of(lab, item.messages, option) for option in item.options), item.right)

    def right_probability(self, lab: Lab, edits: Sequence[Edit] = (), by: By = "mean") -> float:
        """Return how probable the right option is among the options (0 to 1): one pass an option."""
        return right_share([option.log_likelihood(lab, edits) for option in self.options], self.right, by)


def right_share(options: Sequence[torch.Tensor], right: int, by: By) -> float:
    """Return the probability of one among options that are given as log-probabilities of their tokens (tokens)."""
    import torch

    values = [each.mean() if by == "mean" else each.sum() for each in options]
    return float(torch.stack(values).softmax(-1)[right])
