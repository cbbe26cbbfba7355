"""Edits of attention: what to reallocate, said by labels, images and regions, never by token positions.

An edit is data. It is hashable, part of the key of the response cache, and written into runs. Local models compile
it to the primitives (``agentkit.attention.primitives``) of the one registered attention function. A method is one
small file in ``agentkit.attention.methods`` that subclasses ``Edit`` or ``Ensemble``.

Several edits of one call act together, in the order in which they are given: an edit that looks at the model before
it acts (``prepare``) sees what the ones before it do. Inside a layer the order is fixed by the primitives.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from ..content import Image
from ..errors import UsageError
from .learned import Learned
from .regions import Region

if TYPE_CHECKING:
    import torch

    from ..content import Message
    from .lab import Lab
    from .primitives import Primitive
    from .target import Target

# A label (``instruction``), a trust mark (``untrusted``), a picture of the prompt, or a region of one.
SpanName: TypeAlias = str | Image | Region


class Edit(abc.ABC):
    """One change of how a model attends. Subclasses are frozen dataclasses of plain, hashable values."""

    name: ClassVar[str]
    # Where the method comes from: paper and number.
    source: ClassVar[str] = ""
    # Capabilities of a model that the edit needs, as ``agentkit.models.base.Capabilities`` names them.
    needs: ClassVar[tuple[str, ...]] = ("attention",)

    @abc.abstractmethod
    def compile(self, target: Target) -> Sequence[Primitive]:
        """Return what the edit does to one prompt. Raises ``UsageError`` when it can't apply, before any token."""

    def prepare(self, lab: Lab, messages: Sequence[Message], before: Sequence[Edit]) -> Sequence[Edit]:
        """Return the edits to use for these messages; methods that first look at the model override this.

        ``before``: the edits that act already. Runs on the model's own thread.
        """
        return (self,)

    def describe(self) -> dict[str, Any]:
        """Return the edit as plain data (for keys, events and reports)."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return {"edit": self.name} | {field.name: plain(getattr(self, field.name)) for field in fields}


@dataclass(frozen=True)
class Variant:
    """One of the prompts that an ensemble runs side by side, with its edits."""

    messages: tuple[Message, ...]
    edits: tuple[Edit, ...] = ()


class Ensemble(Edit):
    """A method that runs several variants of a prompt and merges their next-token logits. One a call."""

    @abc.abstractmethod
    def variants(self, messages: tuple[Message, ...], edits: tuple[Edit, ...]) -> Sequence[Variant]:
        """Return the variants; ``edits``: the other edits of the call, which each variant should keep."""

    @abc.abstractmethod
    def merge(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the logits (..., vocabulary) of the next token from those of the variants (variants, ..., vocabulary)."""

    def compile(self, target: Target) -> Sequence[Primitive]:
        return ()


@dataclass(frozen=True)
class Reweight(Edit):
    """Multiply the attention on a span by ``factor`` and renormalise each row (InstABoost, arXiv 2506.13734).

    Equal to adding ln(factor) to the span's columns before the softmax; that is how it is done.

    ``span``: a label (``instruction``, ``query``, ...), the mark ``untrusted``, an image of the prompt, or a region
    of one (then it is the user edit of TAB: attention on patches by hand). ``layers``, ``heads``: indices, None for
    all. Differs from the published code on purpose: the span is exact, without the template's leading tokens (the
    attention sink stays as it is). Raises ``UsageError`` for a factor that is not positive and finite.
    """

    name: ClassVar[str] = "reweight"
    source: ClassVar[str] = "InstABoost, arXiv 2506.13734; TAB's user edits, where the span is a region"

    span: SpanName
    factor: float
    layers: tuple[int, ...] | None = None
    heads: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_factor(self.factor)

    def compile(self, target: Target) -> Sequence[Primitive]:
        from .primitives import KeyBias

        tokens = target.find(self.span)
        target.check(self.layers, self.heads)
        return (KeyBias(tokens, math.log(self.factor), layers=self.layers, heads=self.heads),)


def Boost(span: SpanName, factor: float = 5.0, **where: Any) -> Reweight:  # noqa: N802 - reads as a class
    """Return an edit that multiplies the attention on a span."""
    return Reweight(span, factor, **where)


def Mute(span: SpanName, factor: float = 0.1, **where: Any) -> Reweight:  # noqa: N802 - reads as a class
    """Return an edit that reduces the attention on a span."""
    return Reweight(span, factor, **where)


def check_factor(factor: float) -> None:
    """Raise ``UsageError`` for a factor of attention that is not positive and finite."""
    if not (math.isfinite(factor) and factor > 0):
        raise UsageError(f"an attention factor is a positive finite number, got {factor}")


def plain(value: Any) -> Any:
    """Return a field of an edit as plain data: pictures and learned weights by their digest."""
    if isinstance(value, Image):
        return {"image": value.sha256}
    if isinstance(value, (Edit, Region, Learned)):
        return value.describe()
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value
