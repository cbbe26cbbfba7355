"""What an evaluation of attention edits is made of: items, methods, and families that have both."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agentkit.attention import Edit
from agentkit.content import Message
from agentkit.models.base import Model


@dataclass(frozen=True)
class Item:
    """One question with a known answer.

    With ``options`` the model chooses by likelihood and ``right`` is the index of the answer; without, it writes at
    most ``tokens`` tokens and ``check`` says whether the reply is right. ``stratum``: the subgroup that results are
    also given for (a position, a number of examples). ``extra``: what a method needs to know of the item (a box,
    a picture), never the answer.
    """

    seed: int
    messages: tuple[Message, ...]
    options: tuple[str, ...] = ()
    right: int = 0
    check: Callable[[str], bool] | None = None
    tokens: int = 40
    stratum: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """A way to answer the items of a family: the edits for an item, and how to compare its options.

    ``note``: where its parameters come from (a published default, training seeds).
    """

    name: str
    edits: Callable[[Item], Sequence[Edit]]
    note: str = ""


class Family(abc.ABC):
    """A family of items. Evaluation seeds are 1 to 9,999; training and tuning use 10,000 to 19,999.

    ``role``: which model answers by default. ``by``: how likelihoods of options are compared.
    """

    name: str
    title: str
    role: Literal["see", "decide"]
    by: Literal["mean", "sum"] = "mean"
    count: int = 60

    @abc.abstractmethod
    def item(self, seed: int) -> Item:
        """Return the item of a seed, always the same one."""

    async def items(self, model: Model, count: int, first: int = 1) -> list[Item]:
        """Return ``count`` items from seed ``first`` on. A family that asks only what a model knows screens here."""
        return [self.item(seed) for seed in range(first, first + count)]

    def also(self, item: Item, answer: str) -> Mapping[str, bool]:
        """Return what else is measured of an answer (the option or the reply), by name; nothing by default."""
        return {}

    @abc.abstractmethod
    async def methods(self, model: Model) -> Sequence[Method]:
        """Return the methods to compare on a model, the unedited one first; fits what must be fitted."""
