"""FocusICL: many demonstrations in batches that the query attends to apart, without their trivial tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import UsageError
from ..edits import Edit
from ..primitives import Groups, KeyBias, Primitive
from .fitted import Taught

if TYPE_CHECKING:
    from ...content import Message
    from ..lab import Lab
    from ..spans import Span
    from ..target import Target

# What is masked keeps a finite score, so that a row that sees nothing else stays defined.
MASKED = -100.0
LABEL = "exemplar"


@dataclass(frozen=True)
class FocusICL(Edit):
    """Filter the trivial tokens of demonstrations, and attend to demonstrations in batches.

    Triviality filter: in each layer the ``share`` of the demonstrations' tokens with the least attention is masked
    (never the query or anything else). Hierarchical attention: demonstrations, in batches of ``batch``, see their own
    batch and what all share; the query, and the reply, attend to each batch together with what all share, apart,
    and the results are merged by the exponential of their score masses (``primitives.Groups``).

    Demonstrations are the parts labelled ``exemplar``, in order; ``parts`` of them in a row make one (a picture,
    its question and its answer: 3). Template tokens between two demonstrations go with the second.

    Differs from the paper on purpose: the filter is chosen once a prompt from one read pass (mean over heads, and
    over the rows behind the demonstrations, under the batches), not anew in every head and row, so that decoding
    keeps the fused kernel; what it masks is masked in all rows, the demonstrations' own too; positions
    stay those of the whole prompt. Batches need a mask of rows x tokens at prefill: slower than the causal kernel.

    ``share``: 0 to below 1, 0 for no filter; ``batch``: demonstrations a batch, None for all in one. The paper searches
    both by the perplexity of demonstrations: ``search``. Raises ``UsageError`` for values outside, prompts without
    demonstrations, or whose parts do not make whole demonstrations.
    """

    name: ClassVar[str] = "focusicl"
    source: ClassVar[str] = "FocusICL, arXiv 2408.13987, section 4"

    share: float = 0.2
    batch: int | None = 8
    parts: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise UsageError(f"the share of masked tokens is at least 0 and below 1, got {self.share}")
        if self.parts < 1 or (self.batch is not None and self.batch < 1):
            raise UsageError(
                f"a batch has 1 or more demonstrations of 1 or more parts, not {self.batch}, {self.parts}"
            )

    def prepare(self, lab: Lab, messages: Sequence[Message], before: Sequence[Edit]) -> Sequence[Edit]:
        batches = FocusICL(0.0, self.batch, self.parts)
        if self.share == 0:
            return (batches,)
        return (batches, Trivial(self._trivial(lab, messages, [*before, batches])))

    def compile(self, target: Target) -> Sequence[Primitive]:
        if self.share > 0:
            raise UsageError(
                "the trivial tokens are not chosen yet: the model must be looked at first",
                mend="pass the edit to a call of the model, or prepare it",
            )
        found = demonstrations(target, self.parts)
        if self.batch is None or len(found) <= self.batch:
            return ()
        return (Groups(groups(target, found, self.batch)),)

    def _trivial(
        self, lab: Lab, messages: Sequence[Message], before: Sequence[Edit]
    ) -> tuple[tuple[int, ...], ...]:
        """Return, per layer, the demonstration tokens with the least attention."""
        from ..reader import RowsReader

        prompt = lab.encode(messages)
        tokens = tokens_of(demonstrations(lab.target(prompt), self.parts))
        count = math.floor(self.share * len(tokens))
        rows = range(min(int(tokens[-1]) + 1, len(prompt) - 1), len(prompt))
        reader = RowsReader(rows, tokens.tolist(), each=True)
        lab.forward(prompt, before, [reader])
        least = np.argsort(reader.table().mean((1, 2)).numpy(), axis=1, kind="stable")[:, :count]
        return tuple(tuple(np.sort(tokens[places]).tolist()) for places in least)


@dataclass(frozen=True)
class Trivial(Edit):
    """Mask key columns, other ones in each layer: what the filter of ``FocusICL`` has chosen for one prompt.

    ``tokens``: per layer the tokens of the prompt. Raises ``UsageError`` where the model or the prompt has no such.
    """

    name: ClassVar[str] = "trivial"
    source: ClassVar[str] = FocusICL.source

    tokens: tuple[tuple[int, ...], ...]

    def compile(self, target: Target) -> Sequence[Primitive]:
        if len(self.tokens) != target.layers or any(
            max(each, default=0) >= target.tokens for each in self.tokens
        ):
            raise UsageError("the trivial tokens were chosen for another prompt or model")
        return tuple(
            KeyBias(np.array(tokens, dtype=np.int64), MASKED, layers=(layer,))
            for layer, tokens in enumerate(self.tokens)
            if tokens
        )


def demonstrations(target: Target, parts: int) -> list[list[Span]]:
    """Return the spans of each demonstration. Raises ``UsageError`` for none, or for a rest that makes no whole one."""
    target.find(LABEL)
    spans = [span for span in target.spans.parts if span.label == LABEL and len(span.tokens)]
    if len(spans) % parts:
        raise UsageError(
            f"{len(spans)} parts labelled {LABEL!r} don't make demonstrations of {parts}",
            mend="say how many parts a demonstration has",
        )
    return [spans[start : start + parts] for start in range(0, len(spans), parts)]


def tokens_of(found: Sequence[Sequence[Span]]) -> np.ndarray:
    """Return the tokens of demonstrations, ascending."""
    return np.unique(np.concatenate([span.tokens for spans in found for span in spans]))


def groups(target: Target, found: Sequence[Sequence[Span]], batch: int) -> np.ndarray:
    """Return per token the number of its batch of demonstrations, -1 for what all share."""
    result = np.full(target.tokens, -1)
    other = np.zeros(target.tokens, dtype=bool)
    for span in target.spans.parts:
        other[span.tokens] |= span.label != LABEL
    end = int(found[0][0].tokens[0])
    for number, spans in enumerate(found):
        start, end = end, max(int(span.tokens[-1]) for span in spans) + 1
        result[start:end] = number // batch
    result[other] = -1
    return result


@dataclass(frozen=True)
class Found:
    """What a search found: the best edit, and every (share, batch, perplexity) that was tried."""

    edit: FocusICL
    tried: tuple[tuple[float, int | None, float], ...]


def search(
    lab: Lab,
    examples: Sequence[tuple[Sequence[Message], str]],
    *,
    shares: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4),
    batches: Sequence[int | None] = (None, 4, 8, 16),
    parts: int = 1,
    say: Callable[[str], None] | None = None,
) -> Found:
    """Choose share and batch by the perplexity of demonstrations; no other data is needed.

    ``examples``: (messages, reply) made of the demonstrations alone: one is asked about, with its answer as the
    reply, and the others stand before it. First the batch with no filter, then the share with the best batch (the
    sum of both counts of passes, not their product); ties keep what comes first. Raises ``UsageError`` as
    ``FocusICL`` does, and for no examples or nothing to choose from.
    """
    if not examples or not shares or not batches:
        raise UsageError("a search needs examples, shares and batches to choose from")
    taught = [Taught.of(lab, messages, reply) for messages, reply in examples]
    tried: dict[tuple[float, int | None], float] = {}

    def perplexity(share: float, batch: int | None) -> float:
        if (share, batch) not in tried:
            edit, total, count = FocusICL(share, batch, parts), 0.0, 0
            for (messages, _), each in zip(examples, taught, strict=True):
                total += float(each.log_likelihood(lab, edit.prepare(lab, messages, ())).sum())
                count += each.count
            tried[share, batch] = math.exp(-total / count)
            if say is not None:
                say(f"share {share:g}, batch {batch}: perplexity {tried[share, batch]:.4f}")
        return tried[share, batch]

    batch = min(batches, key=lambda batch: perplexity(0.0, batch))
    share = min(shares, key=lambda share: perplexity(share, batch))
    return Found(FocusICL(share, batch, parts), tuple((*setting, value) for setting, value in tried.items()))
