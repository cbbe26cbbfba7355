"""Which heads JuICE should add or take off, and how strongly (arXiv 2503.10996, section 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ...errors import UsageError
from ..edits import Edit
from ..lab import origin
from ..learned import Learned
from .fitted import Taught
from .items import By, Item, check_items
from .juice import JuICE
from .places import Place

if TYPE_CHECKING:
    from ...content import Message
    from ...models.base import Model
    from ..lab import Lab
    from ..primitives import HeadScale

# A prompt with its answer, and the number of the answer's tokens without the end of the turn.
Answered: TypeAlias = tuple[Taught, int]
STRONGER = (1.0, 3.0, 5.0, 10.0, 30.0)
WEAKER = (-1.0, -2.0, -5.0)


@dataclass(frozen=True)
class Conflict:
    """One fact asked three ways, and the answer that is wanted in all.

    ``clean``: nothing contradicts. ``substituted``: a sentence says something else. ``coherent``: a whole paragraph
    argues for something else. For answers from the context, ``clean`` is a context without a conflict with memory.
    """

    clean: tuple[Message, ...]
    substituted: tuple[Message, ...]
    coherent: tuple[Message, ...]
    answer: str

    @property
    def prompts(self) -> tuple[tuple[Message, ...], ...]:
        """The three prompts, in the order of the fields."""
        return self.clean, self.substituted, self.coherent


def find_heads(
    lab: Lab,
    samples: Sequence[Conflict],
    heads: Sequence[Place] | None = None,
    *,
    stronger: Sequence[float] = STRONGER,
    weaker: Sequence[float] = WEAKER,
    report: Callable[[int, int], None] | None = None,
) -> Learned:
    """Return what each head does to the wanted answers: ``stronger`` and ``weaker``, (kinds of prompt, layers, heads).

    For every head alone, c times what it gives is added to the output of its attention, c in ``stronger`` and
    ``weaker`` (published values); the gain in the answer's probability is averaged over c and the samples (published:
    4 are enough). A head that does not gain in one kind of prompt can't be kept, so the other kinds are then left out
    (NaN); so are heads that are not in ``heads`` (None: all).

    Changed: the probability is of the whole answer without the end of its turn, not of its first token, which
    can't tell answers apart that begin alike. Cost: up to heads x 8 x 3 x samples passes without a cache.
    """
    if not samples:
        raise UsageError("heads are found on one sample or more")
    target = lab.target(lab.encode(samples[0].clean))
    tried = [(layer, head) for layer in range(target.layers) for head in range(target.heads)]
    if heads is not None:
        tried = list(heads)
        for layer, head in tried:
            target.check((layer,), (head,))
    asked = [[_answered(lab, each.prompts[kind], each.answer) for each in samples] for kind in range(3)]
    before = np.array([[_chance(lab, each) for each in each_kind] for each_kind in asked])
    found = {}
    for name, strengths in (("stronger", stronger), ("weaker", weaker)):
        found[name] = np.full((3, target.layers, target.heads), np.nan, dtype=np.float32)
        for done, place in enumerate(tried, 1):
            _try(lab, asked, before, place, strengths, found[name])
            if report is not None:
                report(done + (len(tried) if name == "weaker" else 0), 2 * len(tried))
    about = {
        "method": JuICE.name,
        **origin(lab),
        "samples": len(samples),
        "c": {"stronger": list(stronger), "weaker": list(weaker)},
    }
    return Learned(found, about)


def kept_heads(found: Learned, top: int = 5) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Return the heads to add and to take off, at most ``top`` each (published: 5 or 10), the best first.

    Kept are heads that gain in all three kinds of prompt, ranked by the sum of the three gains, as in the published
    code. A head that gains both ways goes where it gains more. Raises ``UsageError`` when none is kept.
    """
    if found.about.get("method") != JuICE.name:
        raise UsageError("this was not found by juice_fit.find_heads")
    gains = {name: _kept(found.arrays[name]) for name in ("stronger", "weaker")}
    for name, other in (("stronger", "weaker"), ("weaker", "stronger")):
        gains[name] = {
            place: gain for place, gain in gains[name].items() if gain > gains[other].get(place, -1.0)
        }
    add, off = (
        tuple(sorted(gains[name], key=lambda place: (-gains[name][place], place))[:top])
        for name in ("stronger", "weaker")
    )
    if not add and not off:
        raise UsageError(
            "no head gains in all three kinds of prompt", mend="try other samples, or the heads of all layers"
        )
    return add, off


async def choose_strengths(
    model: Model,
    items: Sequence[Item],
    edit: JuICE,
    *,
    alphas: Sequence[float] = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0),
    betas: Sequence[float] = (0.0, 1.0, 2.0, 3.0),
    by: By = "mean",
    others: Sequence[Edit] = (),
) -> JuICE:
    """Return the edit with the strengths that make the right options of validation items most probable on average.

    A grid search (published grids); ties go to the weaker edit. ``others``: edits that act beside it.
    """
    check_items(items)
    best, most = edit, -1.0
    for alpha in alphas if edit.heads else (0.0,):
        for beta in betas if edit.against else (0.0,):
            tried = replace(edit, alpha=alpha, beta=beta)
            total = 0.0
            for item in items:
                scores = await model.score(item.messages, item.options, edits=[*others, tried])
                total += scores.probabilities(by)[item.right]
            if total > most + 1e-9:
                best, most = tried, total
    return best


def _try(
    lab: Lab,
    asked: Sequence[Sequence[Answered]],
    before: np.ndarray,
    place: Place,
    strengths: Sequence[float],
    found: np.ndarray,
) -> None:
    """Fill in the mean gains of one head, kind by kind, as long as it gains."""
    from ..primitives import HeadScale

    layer, head = place
    for kind, samples in enumerate(asked):
        gains = []
        for number, each in enumerate(samples):
            for strength in strengths:
                # One head of one layer: what it gives is the same in both runs until then, so adding is scaling.
                scale = HeadScale(1.0 + strength, layers=(layer,), heads=(head,))
                gains.append(_chance(lab, each, scale) - before[kind, number])
        found[kind, layer, head] = np.mean(gains)
        if not found[kind, layer, head] > 0:
            return


def _answered(lab: Lab, prompt: Sequence[Message], answer: str) -> Answered:
    end = len(lab.encode(prompt, "")) - len(lab.encode(prompt))
    taught = Taught.of(lab, prompt, answer)
    return taught, taught.count - end


def _chance(lab: Lab, answered: Answered, *edits: HeadScale) -> float:
    """Return the probability of an answer's own tokens."""
    taught, own = answered
    return float(taught.log_likelihood(lab, primitives=edits)[:own].sum().exp())


def _kept(gains: np.ndarray) -> dict[Place, float]:
    """Return the heads that gain in all three kinds, with the sums of their gains."""
    kept = (np.nan_to_num(gains, nan=-1.0) > 0).all(0)
    return {(int(layer), int(head)): float(gains[:, layer, head].sum()) for layer, head in np.argwhere(kept)}
