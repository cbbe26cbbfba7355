"""Training items, and how likely a model finds replies to them: what profiles and searches look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ...errors import UsageError

if TYPE_CHECKING:
    import torch

    from ...content import Message
    from ..edits import Edit
    from ..lab import Lab
    from ..primitives import Primitive

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


def reply_logits(
    lab: Lab,
    messages: Sequence[Message],
    reply: str,
    edits: Sequence[Edit] = (),
    primitives: Sequence[Primitive] = (),
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits (tokens, vocabulary) that predict a reply, its end included, and its tokens."""
    import torch

    whole = lab.encode(messages, reply)
    count = len(whole) - len(lab.encode(messages))
    logits = lab.forward(whole, edits, primitives=primitives, last=count + 1)[:-1]
    return logits, torch.from_numpy(whole.ids[-count:])


def option_logprobs(
    lab: Lab,
    item: Item,
    edits: Sequence[Edit] = (),
    primitives: Sequence[Primitive] = (),
    by: By = "mean",
) -> torch.Tensor:
    """Return the natural log-likelihood of every option of an item (options)."""
    import torch

    totals = []
    for option in item.options:
        logits, tokens = reply_logits(lab, item.messages, option, edits, primitives)
        each = logits.log_softmax(-1).gather(1, tokens[:, None])
        totals.append(each.mean() if by == "mean" else each.sum())
    return torch.stack(totals)


def right_probability(
    lab: Lab,
    item: Item,
    edits: Sequence[Edit] = (),
    primitives: Sequence[Primitive] = (),
    by: By = "mean",
) -> float:
    """Return how probable the right option is among the options of an item (0 to 1)."""
    return float(option_logprobs(lab, item, edits, primitives, by).softmax(-1)[item.right])
