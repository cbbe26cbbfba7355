"""The fact that is asked for stands early, in the middle or late in about 1,000 tokens of other text.

Other notes of the same form stand in the text too, so that choosing any option that was seen is chance.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from agentkit.attention import FocusDirections, Learned
from agentkit.attention.lab import Lab
from agentkit.content import Message, Text
from agentkit.models.base import Model

from .family import Family, Item, Method
from .fits import TRAINING_SEED, fitted, look
from .methods import boosts, buckets, pasta, unedited

PEOPLE = ("Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas")
WORDS = (
    "maple", "silver", "rocket", "pepper", "anchor", "velvet", "copper", "tiger",
    "lemon", "castle", "feather", "marble", "river", "candle", "garden", "hammer",
)  # fmt: skip
SUBJECTS = (
    "The library",
    "The bakery",
    "The museum",
    "The station",
    "The school",
    "The harbour",
    "The market",
)
EVENTS = (
    "opens early on weekdays and closes when the last visitor has left",
    "was painted last summer by a group of volunteers from the town",
    "has a new roof, which took the workers almost three months to build",
    "is often full in the morning, but in the afternoon it is quiet",
    "keeps an old clock on its wall that nobody has repaired for years",
    "received a letter from the mayor about the plans for next spring",
    "lies close to the river, where people like to walk in the evening",
    "will hold a small party for the children at the end of the month",
)
PLACES = {"early": 0.05, "middle": 0.5, "late": 0.95}
SENTENCES = 50
NOTES, OPTIONS = 10, 8
# Focus directions: training items, heads (published 20), factor (published 0.2 to 0.3).
FITTED, HEADS, FOCUS = 8, 20, 0.3


class Needle(Family):
    """Finding a fact in a long text."""

    name = "needle"
    title = "find the fact that is asked for in 1,000 tokens"
    role: Literal["see", "decide"] = "decide"
    count = 24

    def item(self, seed: int) -> Item:
        rng = random.Random(seed)
        stratum = list(PLACES)[seed % len(PLACES)]
        people, words = rng.sample(PEOPLE, NOTES), rng.sample(WORDS, NOTES)
        notes = [f"The password of {who} is {word}." for who, word in zip(people, words, strict=True)]
        filler = [f"{rng.choice(SUBJECTS)} {rng.choice(EVENTS)}." for _ in range(SENTENCES)]
        at = round(PLACES[stratum] * SENTENCES)
        places = rng.sample([i for i in range(2, SENTENCES - 2) if abs(i - at) > 3], NOTES - 1)
        inserted = dict(zip([at, *places], notes, strict=True))
        lines = [line for i in range(SENTENCES) for line in (inserted.get(i), filler[i]) if line is not None]
        messages = (
            Message.of(
                "user",
                Text("Read the text and answer the question.", "instruction"),
                *(Text(line, "observation", "untrusted") for line in lines),
                Text(f"What is the password of {people[0]}?", "query"),
            ),
        )
        right = f"The password of {people[0]} is {words[0]}."
        options = [f"The password of {people[0]} is {word}." for word in words[:OPTIONS]]
        rng.shuffle(options)
        return Item(seed, messages, tuple(options), options.index(right), stratum=stratum)

    async def methods(self, model: Model) -> Sequence[Method]:
        return [
            unedited(),
            *boosts("query", 5, 15),
            await fitted("pasta", lambda: pasta(model, "query")),
            buckets(),
            await fitted("focus_directions", lambda: self._focus(model)),
        ]

    async def _focus(self, model: Model) -> Method:
        """Learn directions on training items, whose fact is known: the part that holds the right word."""
        from agentkit.attention.methods.focus_directions_fit import (
            Relevant,
            best_heads,
            contextual_scores,
            fit_focus,
        )

        items = [self.item(seed) for seed in range(TRAINING_SEED, TRAINING_SEED + FITTED)]
        relevant = [Relevant(item.messages, (_fact(item),), item.options[item.right]) for item in items]

        def fit(lab: Lab) -> Learned:
            scores = contextual_scores(lab, relevant)
            return fit_focus(lab, relevant, best_heads(scores, min(HEADS, scores.size)))

        learned = await look(model, fit)
        note = f"{HEADS} heads as published, fitted on {FITTED} training items, factor {FOCUS:g}"
        return Method("focus_directions", lambda item: (FocusDirections(learned, FOCUS),), note)


def _fact(item: Item) -> int:
    """Return which part of the message tells the right answer."""
    word = item.options[item.right].rpartition(" ")[2]
    texts = [part.text for part in item.messages[0].parts if isinstance(part, Text)]
    return next(index for index, text in enumerate(texts) if text.endswith(f" is {word}"))
