"""Which heads PASTA should steer: each alone, or each layer, on training items (arXiv 2311.02262, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ...errors import UsageError
from ..lab import origin
from ..learned import Learned
from .items import Asked, By, Item, check_items
from .pasta import Pasta
from .places import Place

if TYPE_CHECKING:
    from ..lab import Lab

Report = Callable[[int, int], None]


def profile(
    lab: Lab,
    items: Sequence[Item],
    edit: Pasta,
    heads: Sequence[Place] | None = None,
    *,
    by: By = "mean",
    report: Report | None = None,
) -> Learned:
    """Return what steering each head alone does to a task: ``gain`` (layers, heads), NaN where it was not tried.

    The gain is the change of the right option's probability among the options, averaged over the items. The paper
    ranks by the task's own score on 1,000 samples; a likelihood tells heads apart on far fewer (16 to 64).
    ``edit``: what is steered, its heads aside. ``heads``: which to try, None for all. ``by``: how options are
    compared. ``report``: called with how many heads are done, and of how many.

    Cost: (heads + 1) x items x options passes without a cache. ``profile_layers`` first, and then the heads of the
    best layers, is far cheaper on a deep model. Call it on the model's thread: ``await model.work(...)``.
    """
    check_items(items)
    shape = _shape(lab, items[0])
    asked = [Asked.of(lab, item) for item in items]
    tried = (
        [(layer, head) for layer in range(shape[0]) for head in range(shape[1])] if heads is None else heads
    )
    gain = np.full(shape, np.nan, dtype=np.float32)
    before = _mean(lab, asked, (), by)
    for done, (layer, head) in enumerate(tried, 1):
        change = _mean(lab, asked, (replace(edit, heads=((layer, head),)),), by) - before
        gain[layer, head] = change
        if report is not None:
            report(done, len(tried))
    return Learned({"gain": gain}, _about(lab, items, edit, by, before, "heads"))


def profile_layers(
    lab: Lab, items: Sequence[Item], edit: Pasta, *, by: By = "mean", report: Report | None = None
) -> Learned:
    """Return what steering all heads of each layer together does: ``gain`` (layers). Otherwise as ``profile``."""
    check_items(items)
    layers, heads = _shape(lab, items[0])
    asked = [Asked.of(lab, item) for item in items]
    before = _mean(lab, asked, (), by)
    gain = np.zeros(layers, dtype=np.float32)
    for layer in range(layers):
        places = tuple((layer, head) for head in range(heads))
        gain[layer] = _mean(lab, asked, (replace(edit, heads=places),), by) - before
        if report is not None:
            report(layer + 1, layers)
    return Learned({"gain": gain}, _about(lab, items, edit, by, before, "layers"))


def choose(
    profiles: Sequence[Learned], top: int, how: Literal["intersection", "union"] = "intersection"
) -> tuple[Place, ...]:
    """Return the heads among the ``top`` of every task's profile (or of any), in order.

    The paper's multi-task heads are the intersection over tasks (LLaMA-7B: top 300 to 600 of 1,024, 25 to 168 heads
    left); its task-specific ones the top 3 to 40 of one profile. Heads that did not help are never chosen.
    Raises ``UsageError`` for no profile, profiles of different models, or when no head is left.
    """
    if not profiles or top < 1:
        raise UsageError("heads are chosen from one profile or more, and one head or more of each")
    if len({(profile.about.get("model"), profile.arrays["gain"].shape) for profile in profiles}) > 1:
        raise UsageError("the profiles are of different models")
    best = [set(ranked(profile)[:top]) for profile in profiles]
    chosen = set.intersection(*best) if how == "intersection" else set.union(*best)
    if not chosen:
        raise UsageError(
            f"no head is among the best {top} of every profile", mend="use a greater top, or 'union'"
        )
    return tuple(sorted(chosen))


def ranked(profile: Learned) -> list[Place]:
    """Return the heads of a profile that helped, the best first."""
    gain = profile.arrays["gain"]
    if gain.ndim != 2:
        raise UsageError("this is a profile of layers", mend="profile the heads of its best layers")
    places = [(int(layer), int(head)) for layer, head in np.argwhere(np.nan_to_num(gain, nan=-1.0) > 0)]
    return sorted(places, key=lambda place: (-float(gain[place]), place))


def best_layers(profile: Learned, top: int) -> tuple[int, ...]:
    """Return the ``top`` layers of a profile of layers, ascending."""
    order = np.argsort(-profile.arrays["gain"], kind="stable")[:top]
    return tuple(sorted(int(layer) for layer in order))


def _shape(lab: Lab, item: Item) -> tuple[int, int]:
    target = lab.target(lab.encode(item.messages))
    return target.layers, target.heads


def _mean(lab: Lab, items: Sequence[Asked], edits: tuple[Pasta, ...], by: By) -> float:
    return sum(item.right_probability(lab, edits, by) for item in items) / len(items)


def _about(
    lab: Lab, items: Sequence[Item], edit: Pasta, by: By, before: float, what: str
) -> dict[str, object]:
    return {
        "method": edit.name,
        "what": what,
        **origin(lab),
        "edit": edit.describe(),
        "items": len(items),
        "by": by,
        "before": before,
    }
