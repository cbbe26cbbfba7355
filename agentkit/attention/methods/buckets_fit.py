"""Which rotary bases Attention Buckets should mix, searched greedily on training items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...errors import UsageError
from .buckets import SCALES, Buckets, RotaryScale
from .fitted import Taught
from .items import By, Item, check_items, right_share

if TYPE_CHECKING:
    import torch

    from ..edits import Edit
    from ..lab import Lab

# Per item and option: (scales, tokens) log-probabilities of the option's tokens, and the greatest of each step.
Table = list[list[tuple["torch.Tensor", "torch.Tensor"]]]


def choose_scales(
    lab: Lab,
    items: Sequence[Item],
    candidates: Sequence[float] = (0.5, 0.75, *SCALES, 3.5, 5.0),
    count: int = 6,
    *,
    by: By = "mean",
    edits: Sequence[Edit] = (),
    report: Callable[[int, int], None] | None = None,
) -> Buckets:
    """Return the buckets that make the right options most probable: greedily, at most ``count`` of ``candidates``.

    Starts with the model's own base (scale 1), then adds the scale that helps the mixture most, as long as one does.
    Changed: the paper looks for bases whose attention waves fill each other's troughs; here the items decide.
    ``edits``: what acts beside it. Cost: candidates x items x options passes without a cache; mixing is free.
    """
    check_items(items)
    if count < 1:
        raise UsageError(f"buckets hold one scale or more, not {count}")
    scales = sorted({1.0, *candidates})
    table: Table = [[] for _ in items]
    for number, item in enumerate(items):
        for option in item.options:
            table[number].append(_runs(lab, Taught.of(lab, item.messages, option), scales, edits))
        if report is not None:
            report(number + 1, len(items))
    chosen = [scales.index(1.0)]
    best = _quality(table, items, chosen, by)
    while len(chosen) < min(count, len(scales)):
        tried = {
            place: _quality(table, items, [*chosen, place], by)
            for place in range(len(scales))
            if place not in chosen
        }
        place = max(tried, key=lambda place: tried[place])
        if tried[place] <= best:
            break
        chosen, best = [*chosen, place], tried[place]
    return Buckets(tuple(scales[place] for place in chosen))


def _runs(
    lab: Lab, option: Taught, scales: Sequence[float], edits: Sequence[Edit]
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    tokens = torch.from_numpy(option.prompt.ids[-option.count :])
    own, surest = [], []
    for scale in scales:
        logits = lab.forward(option.prompt, (*edits, RotaryScale(scale)), last=option.count + 1)
        logprobs = logits[:-1].log_softmax(-1)
        own.append(logprobs.gather(1, tokens[:, None])[:, 0])
        surest.append(logprobs.amax(-1))
    return torch.stack(own), torch.stack(surest)


def _quality(table: Table, items: Sequence[Item], chosen: Sequence[int], by: By) -> float:
    """Return the mean probability of the right option among the options under a mixture of chosen scales."""
    places = list(chosen)
    total = 0.0
    for item, options in zip(items, table, strict=True):
        mixed = [(own[places] + surest[places].log_softmax(0)).logsumexp(0) for own, surest in options]
        total += right_share(mixed, item.right, by)
    return total / len(items)
