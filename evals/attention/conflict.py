"""Knowledge conflicts, both ways: a text says something else than what the model knows.

Half of the items ask to follow the text (stratum ``context``), half to ignore it (``memory``). Only facts are asked
that the model knows: on the same options, without the text, it must choose the right one. That screening is part of
the family, is made once before any method, and never sees a conflict.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from agentkit.content import Message, Text
from agentkit.models.base import Model

from .facts import FACTS, answers_of
from .family import Family, Item, Method
from .methods import boosts, unedited

ASK = {
    "context": "Answer the question with what the text says, even if it is wrong.",
    "memory": "Ignore the text. Answer the question with what you know.",
}
# So many seeds are looked at for one item that is kept, at most.
MOST = 5


class Conflict(Family):
    """Following a text against one's knowledge, or one's knowledge against a text."""

    name = "conflict"
    title = "follow a false text, or one's own knowledge, as asked"
    role: Literal["see", "decide"] = "decide"
    count = 60

    def item(self, seed: int) -> Item:
        rng = random.Random(seed)
        stratum = "context" if seed % 2 else "memory"
        fact = rng.choice(FACTS)
        wrong = rng.sample([answer for answer in answers_of(fact.kind) if answer != fact.answer], 3)
        said = wrong[0]
        messages = (
            Message.of(
                "user",
                Text(ASK[stratum], "instruction"),
                Text(f"Text: {fact.say(said)}", "observation", "untrusted"),
                Text(f"Question: {fact.question}", "query"),
            ),
        )
        options = [fact.say(answer) for answer in (fact.answer, *wrong)]
        rng.shuffle(options)
        right = options.index(fact.say(said if stratum == "context" else fact.answer))
        known = {"question": fact.question, "fact": fact.say(fact.answer)}
        return Item(seed, messages, tuple(options), right, stratum=stratum, extra=known)

    async def items(self, model: Model, count: int, first: int = 1) -> list[Item]:
        kept: list[Item] = []
        for seed in range(first, first + MOST * count):
            item = self.item(seed)
            if await self._known(model, item):
                kept.append(item)
            if len(kept) == count:
                break
        return kept

    async def _known(self, model: Model, item: Item) -> bool:
        question = Message.user(Text(item.extra["question"], "query"))
        scores = await model.score([question], item.options)
        return item.options[scores.best(self.by)] == item.extra["fact"]

    async def methods(self, model: Model) -> Sequence[Method]:
        return [unedited(), *boosts("instruction", 5, 15)]
