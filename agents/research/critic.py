"""The sufficiency critic (SIM-RAG, arXiv 2505.02811): after every round, is what we have enough?

Here the critic is a logistic regression on features of the chain instead of a fine-tuned Flan-T5: a few hundred
roll-outs fit it, it costs no model call, and what it weighs can be read. Training data is self-practice, as in the
paper: questions with known answers are researched without stopping, every round's draft is labelled by whether it is
right. ``PromptedCritic`` asks the model instead.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from agentkit.content import Message, Text
from agentkit.errors import UsageError
from agentkit.models import Model, Sampling

from .state import Finding

VERSION = 1
SHIPPED = "critic.json"
ASK = "You check research. Say whether the notes are enough to answer the question and support the answer."
ENOUGH = {
    "type": "object",
    "properties": {"enough": {"type": "boolean"}},
    "required": ["enough"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Draft:
    """What a critic judges: the task, the draft answer, the findings behind it, and their features."""

    task: str
    answer: str | None
    chain: Sequence[Finding]
    features: Mapping[str, float]


class Critic(Protocol):
    """Says how likely a draft answer is right (0 to 1). ``reference`` is how a run names it again on resume.

    ``accept``: from which probability on a draft is enough when another search costs something (see ``worth``);
    ``refuse``: below it, a draft that nothing can better is not given as the answer.
    """

    @property
    def reference(self) -> str: ...

    @property
    def accept(self) -> float: ...

    @property
    def refuse(self) -> float: ...

    async def judge(self, model: Model, draft: Draft) -> float: ...


@dataclass(frozen=True)
class TrainedCritic:
    """A stored logistic regression on named features; standardised with the training set's mean and spread."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    accept: float = 0.9
    refuse: float = 0.3
    about: Mapping[str, Any] = field(default_factory=dict)
    reference: str = "trained"

    async def judge(self, model: Model, draft: Draft) -> float:
        return self.probability(draft.features)

    def probability(self, found: Mapping[str, float]) -> float:
        """Return how likely a draft with these features is right."""
        scaled = [
            (found[name] - mean) / spread
            for name, mean, spread in zip(self.names, self.mean, self.spread, strict=True)
        ]
        return _sigmoid(self.bias + sum(w * x for w, x in zip(self.weights, scaled, strict=True)))

    def save(self, path: Path) -> None:
        data = {
            "format": VERSION,
            "names": list(self.names),
            "weights": [round(value, 6) for value in self.weights],
            "bias": round(self.bias, 6),
            "mean": [round(value, 6) for value in self.mean],
            "spread": [round(value, 6) for value in self.spread],
            "accept": self.accept,
            "refuse": self.refuse,
            "about": dict(self.about),
        }
        path.write_text(json.dumps(data, indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path | None = None) -> TrainedCritic:
        """Return a stored critic, the shipped one when no path is given. Raises ``UsageError`` for anything else."""
        source = resources.files("agentkit.agents.research").joinpath(SHIPPED) if path is None else path
        try:
            data = json.loads(source.read_text("utf-8"))
            if data["format"] != VERSION:
                raise UsageError(
                    f"{source} is a critic of format {data['format']}, this version reads {VERSION}",
                    mend="agentkit critic train --out FILE",
                )
            numbers = {key: tuple(data[key]) for key in ("names", "weights", "mean", "spread")}
            return cls(
                **numbers,
                bias=data["bias"],
                accept=data["accept"],
                refuse=data["refuse"],
                about=data["about"],
                reference="trained" if path is None else f"trained:{path}",
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{source} is no stored critic: {error}", mend="agentkit critic train"
            ) from error


@dataclass(frozen=True)
class PromptedCritic:
    """Asks the model: by the likelihood of yes against no where it scores, else by a schema (then 0 or 1)."""

    accept: float = 0.7
    refuse: float = 0.3
    reference: str = "prompted"

    async def judge(self, model: Model, draft: Draft) -> float:
        if draft.answer is None:
            return 0.0
        notes = [
            Text(f"- {f.action.ask} {f.answer}: {f.quote}", "observation", "untrusted") for f in draft.chain
        ]
        question = Text(
            f"Question: {draft.task}\nAnswer: {draft.answer}\nAre the notes enough, and is the answer what they say?",
            "instruction",
        )
        prompt = [Message.system(ASK), Message("user", (Text("Notes:", "query"), *notes, question))]
        if model.capabilities.scoring:
            return (await model.score(prompt, ["yes", "no"])).probabilities("sum")[0]
        reply = await model.generate(prompt, schema=ENOUGH, sampling=Sampling(max_tokens=30))
        return float(bool(reply.data["enough"]))


def critic_of(reference: str | None) -> Critic | None:
    """Return the critic of a reference: ``trained``, ``trained:FILE``, ``prompted``, ``none``."""
    if reference in (None, "none"):
        return None
    if reference == "trained":
        return TrainedCritic.load()
    if reference == "prompted":
        return PromptedCritic()
    kind, _, path = str(reference).partition(":")
    if kind == "trained" and path:
        return TrainedCritic.load(Path(path))
    raise UsageError(f"there is no critic {reference!r}", mend="trained, trained:FILE, prompted, none")


def worth(critic: Critic, probability: float, price: float) -> bool:
    """Say whether another search is worth its price, as MMSearch-R1's reward has it.

    A right answer is worth 1, every search takes ``price`` off: so it is, when what a search may hope for
    (``critic.accept``) less its price is more than what there is already.
    """
    return critic.accept - price > probability


def fit(
    rows: Sequence[Mapping[str, float]],
    right: Sequence[bool],
    names: Sequence[str],
    *,
    ridge: float = 20.0,
    steps: int = 50,
) -> tuple[list[float], float, list[float], list[float]]:
    """Fit a logistic regression by Newton's method; return weights, bias, means and spreads.

    ``ridge``: the weight of the squared norm (not of the bias), in units of one row. Strong on purpose: features that
    say nearly the same (the weakest of a chain, the last of it) then share their weight, and texts of another kind
    than those practised on are judged alike.
    """
    data = np.array([[row[name] for name in names] for row in rows], float)
    target = np.array(right, float)
    mean, spread = data.mean(0), data.std(0)
    spread[spread < 1e-9] = 1.0
    scaled = np.hstack([(data - mean) / spread, np.ones((len(data), 1))])
    penalty = np.diag([ridge] * len(names) + [1e-9])
    weights = np.zeros(len(names) + 1)
    for _ in range(steps):
        guess = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        gradient = scaled.T @ (guess - target) + penalty @ weights
        curvature = (scaled * (guess * (1 - guess))[:, None]).T @ scaled + penalty
        change = np.linalg.solve(curvature, gradient)
        weights -= change
        if np.abs(change).max() < 1e-8:
            break
    return weights[:-1].tolist(), float(weights[-1]), mean.tolist(), spread.tolist()


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(min(value, 30.0), -30.0)))
