"""Many-shot classification: only the examples, 4, 16 or 64 of them, tell which made-up label a thing has.

The label goes with the colour; the thing that is asked about stands in no example. On classes of meaning (animals,
vehicles) SmolLM2-135M stays near chance at any number of examples.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from agentkit.attention import FocusICL
from agentkit.content import Message, Text
from agentkit.models.base import Model

from .family import Family, Item, Method
from .fits import TRAINING_SEED, fitted, look
from .methods import boosts, unedited

COLOURS = ("red", "blue", "green", "white", "black", "yellow", "brown", "pink")
THINGS = (
    "dog", "car", "house", "shirt", "cup", "book", "door", "hat", "boat", "box",
    "chair", "bag", "lamp", "ball", "bird", "flower", "phone", "shoe", "table", "bottle",
)  # fmt: skip
CLASSES = 2
LABELS = ("north", "seven", "violet", "monday", "copper", "delta", "winter", "jazz")
SHOTS = (4, 16, 64)
SEARCHED = 6


class ManyShot(Family):
    """Classifying a thing as many examples do."""

    name = "manyshot"
    title = "classify a thing by a rule that only 4, 16 or 64 examples tell"
    role: Literal["see", "decide"] = "decide"
    by: Literal["mean", "sum"] = "sum"
    count = 60

    def item(self, seed: int) -> Item:
        rng = random.Random(seed)
        shots = SHOTS[seed % len(SHOTS)]
        colours = rng.sample(COLOURS, CLASSES)
        labels = dict(zip(colours, rng.sample(LABELS, CLASSES), strict=True))
        colour, (thing, *others) = rng.choice(colours), rng.sample(THINGS, len(THINGS))
        examples = [
            (f"{one} {rng.choice(others)}", label)
            for one, label in labels.items()
            for _ in range(shots // CLASSES)
        ]
        rng.shuffle(examples)
        parts = [Text(f"{one} -> {label}", "exemplar") for one, label in examples]
        messages = (
            Message.of(
                "user",
                Text("Learn the labels.", "instruction"),
                *parts,
                Text(f"What is the label of this?\n{colour} {thing} ->", "query"),
            ),
        )
        options = list(labels.values())
        rng.shuffle(options)
        return Item(seed, messages, tuple(options), options.index(labels[colour]), stratum=f"{shots}")

    async def methods(self, model: Model) -> Sequence[Method]:
        return [
            unedited(),
            *boosts("exemplar", 2, 5),
            Method("focusicl", lambda item: (FocusICL(),), "share 0.2, batches of 8 (defaults)"),
            await fitted("focusicl_searched", lambda: self._focus(model)),
        ]

    async def _focus(self, model: Model) -> Method:
        """Search share and batch by the perplexity of training items, as published."""
        from agentkit.attention.methods.focusicl import search

        items = [self.item(seed) for seed in range(TRAINING_SEED, TRAINING_SEED + SEARCHED)]
        examples = [(item.messages, item.options[item.right]) for item in items]
        found = await look(model, lambda lab: search(lab, examples, shares=(0.0, 0.1, 0.2, 0.4)))
        note = f"share {found.edit.share:g}, batch {found.edit.batch}, by perplexity of {SEARCHED} training items"
        return Method("focusicl_searched", lambda item: (found.edit,), note)
