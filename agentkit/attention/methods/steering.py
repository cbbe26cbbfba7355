"""Activation steering: concept vectors, found in pairs of prompts and added to what layers give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np

from ...errors import UsageError
from ..lab import origin
from ..learned import Learned
from ..primitives import Primitive, ResidualAdd
from .fitted import FittedEdit

if TYPE_CHECKING:
    from ...content import Message
    from ..lab import Lab
    from ..target import Target

Kind: TypeAlias = Literal["mean", "pca", "linear"]
KINDS: tuple[Kind, ...] = ("mean", "pca", "linear")


@dataclass(frozen=True)
class Steer(FittedEdit):
    """Add factor * norm * direction to what each fitted layer gives.

    ``direction``: the unit vector of the concept in that layer; ``norm``: the mean length of the states that it was
    found in, so that one factor means the same in every layer. Several concepts, in the same or in different
    layers, are several of these edits: what they add adds up.

    ``learned``: of ``fit_concept``. ``factor``: the baselines of InstABoost (arXiv 2506.13734) took 0.1 to 1.0, chosen
    on validation items; a negative one steers away; from about 1 on text breaks down. ``layers``: some of the fitted
    ones, None for all. ``rows``: *all* tokens, or only those that predict the *reply*. Raises ``UsageError`` for what
    was fitted on another model or shape, and for layers that were not fitted.
    """

    name: ClassVar[str] = "steering"
    source: ClassVar[str] = (
        "activation steering, as the baselines of InstABoost, arXiv 2506.13734; arXiv 2310.01405"
    )

    factor: float = 0.5
    layers: tuple[int, ...] | None = None
    rows: Literal["all", "reply"] = "all"

    def __post_init__(self) -> None:
        if not np.isfinite(self.factor):
            raise UsageError(f"the factor of steering is a finite number, got {self.factor}")
        if self.rows not in ("all", "reply"):
            raise UsageError(f"steering acts on all rows or on those of the reply, not on {self.rows!r}")

    def compile(self, target: Target) -> Sequence[Primitive]:
        import torch

        fitted = self.layer_list()
        target.check(fitted)
        directions = self.array("directions", len(fitted), target.hidden)
        norms = self.array("norms", len(fitted))
        chosen = fitted if self.layers is None else self.layers
        wrong = [layer for layer in chosen if layer not in fitted]
        if wrong or not chosen:
            raise UsageError(
                f"the concept was not fitted in layer {wrong[0] if wrong else '(none is named)'}",
                mend=f"it was in {', '.join(map(str, fitted))}",
            )
        tokens = None if self.rows == "all" else np.array([target.tokens - 1])
        vectors = torch.from_numpy(self.factor * norms[:, None] * directions).float()
        return tuple(
            ResidualAdd(vectors[fitted.index(layer)], tokens, layers=(layer,))
            for layer in dict.fromkeys(chosen)
        )


def fit_concept(
    lab: Lab,
    pairs: Sequence[tuple[Sequence[Message], Sequence[Message]]],
    *,
    kind: Kind = "mean",
    layers: Sequence[int] | None = None,
) -> Learned:
    """Find the direction of a concept from pairs of prompts, one with it and one without.

    From what layers give at the last token of a prompt: *mean*: the mean of the states with the concept minus that
    without; *pca*: the first principal component of the differences of pairs, taken both ways round (so that they
    are centred, without the random flips of arXiv 2310.01405), turned to agree with the mean difference; *linear*:
    the weights of a ridge regression that tells with from without. ``layers``: None for the middle fifth. One
    forward pass a prompt, nothing is random. Raises ``UsageError`` for no pairs, for an unknown kind, for layers
    that the model does not have, and for prompts whose states do not differ.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no concept vector by {kind!r}", mend=f"use one of {', '.join(KINDS)}")
    if not pairs:
        raise UsageError("there is no pair of prompts to fit on")
    target = lab.target(lab.encode(pairs[0][0]))
    chosen = tuple(middle(target.layers) if layers is None else layers)
    target.check(chosen)
    chosen = tuple(sorted(set(chosen)))
    # (pairs, 2, layers, hidden)
    states = np.stack([np.stack([_states(lab, messages, chosen) for messages in pair]) for pair in pairs])
    directions = np.stack(
        [_direction(states[:, 0, place], states[:, 1, place], kind) for place in range(len(chosen))]
    )
    norms = np.linalg.norm(states, axis=-1).mean((0, 1))
    about = {
        "method": Steer.name,
        **origin(lab),
        "layers": list(chosen),
        "kind": kind,
        "pairs": len(pairs),
    }
    return Learned({"directions": directions.astype(np.float32), "norms": norms.astype(np.float32)}, about)


def middle(layers: int, share: float = 0.2) -> tuple[int, ...]:
    """Return the middle layers of a model, a share of all and at least one."""
    count = max(1, round(share * layers))
    first = (layers - count) // 2
    return tuple(range(first, first + count))


def _states(lab: Lab, messages: Sequence[Message], layers: Sequence[int]) -> np.ndarray:
    from ..reader import HiddenReader

    reader = HiddenReader(layers)
    lab.forward(lab.encode(messages), readers=[reader])
    return reader.result().float().numpy()


def _direction(positive: np.ndarray, negative: np.ndarray, kind: Kind) -> np.ndarray:
    """Return the unit vector (hidden) from states (pairs, hidden) without a concept to those with it."""
    positive, negative = positive.astype(np.float64), negative.astype(np.float64)
    mean = positive.mean(0) - negative.mean(0)
    if kind == "mean":
        found = mean
    elif kind == "pca":
        found = np.linalg.svd(positive - negative, full_matrices=False)[2][0]
    else:
        found = _ridge(np.concatenate([positive, negative]), np.repeat([1.0, -1.0], len(positive)))
    length = float(np.linalg.norm(found))
    if not np.linalg.norm(mean) > 0 or not length > 0:
        raise UsageError("the prompts of the pairs give the same states: they don't tell a concept")
    return found / length * (1.0 if float(found @ mean) >= 0 else -1.0)


def _ridge(states: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the weights of a ridge regression, in its dual form: there are fewer prompts than dimensions."""
    centred = states - states.mean(0)
    gram = centred @ centred.T
    penalty = 0.1 * float(np.trace(gram)) / len(gram)
    return centred.T @ np.linalg.solve(gram + penalty * np.eye(len(gram)), labels)
