"""Many-shot classification: only the examples, 4, 16 or 64 of them, tell which made-up label a word has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from agentkit.content import Message, Text
from agentkit.models.base import Model

from .family import Family, Item, Method
from .methods import boosts, unedited

KINDS: dict[str, tuple[str, ...]] = {
    "animal": (
        "dog", "cat", "horse", "cow", "sheep", "pig", "lion", "tiger", "bear", "wolf", "fox", "rabbit",
        "mouse", "monkey", "elephant", "goat", "duck", "eagle", "shark", "snake",
    ),
    "food": (
        "bread", "cheese", "apple", "rice", "soup", "butter", "banana", "cake", "pasta", "honey", "salad",
        "carrot", "potato", "sugar", "lemon", "pizza", "onion", "milk", "cookie", "bean",
    ),
    "vehicle": (
        "car", "bus", "train", "truck", "bicycle", "boat", "ship", "plane", "taxi", "tractor", "van",
        "ferry", "tram", "scooter", "helicopter", "rocket", "wagon", "canoe", "jeep", "subway",
    ),
    "body": (
        "arm", "leg", "hand", "foot", "head", "nose", "ear", "eye", "mouth", "knee", "elbow", "finger",
        "toe", "neck", "shoulder", "chin", "thumb", "tooth", "lip", "wrist",
    ),
}  # fmt: skip
CLASSES = 2
LABELS = ("north", "seven", "violet", "monday", "copper", "delta", "winter", "jazz")
SHOTS = (4, 16, 64)


class ManyShot(Family):
    """Classifying a word as many examples do."""

    name = "manyshot"
    title = "classify a word by a rule that only 4, 16 or 64 examples tell"
    role: Literal["see", "decide"] = "decide"
    by: Literal["mean", "sum"] = "sum"
    count = 60

    def item(self, seed: int) -> Item:
        rng = random.Random(seed)
        shots = SHOTS[seed % len(SHOTS)]
        kinds = rng.sample(list(KINDS), CLASSES)
        labels = dict(zip(kinds, rng.sample(LABELS, CLASSES), strict=True))
        asked = rng.choice(kinds)
        word, *rest = rng.sample(KINDS[asked], len(KINDS[asked]))
        left = {kind: rest if kind == asked else rng.sample(KINDS[kind], len(KINDS[kind])) for kind in kinds}
        # 64 examples name each word more than once, as in a log of labelled words.
        examples = [(one, labels[kind]) for kind in kinds for one in (left[kind] * 2)[: shots // CLASSES]]
        rng.shuffle(examples)
        parts = [Text(f"{one} -> {label}", "exemplar") for one, label in examples]
        messages = (
            Message.of(
                "user",
                Text("Learn the labels of these words.", "instruction"),
                *parts,
                Text(f"What is the label of this word?\n{word} ->", "query"),
            ),
        )
        options = list(labels.values())
        rng.shuffle(options)
        return Item(seed, messages, tuple(options), options.index(labels[asked]), stratum=f"{shots}")

    async def methods(self, model: Model) -> Sequence[Method]:
        return [unedited(), *boosts("exemplar", 2, 5)]
