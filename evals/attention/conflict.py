"""Knowledge conflicts, both ways: a text says something else than what the model knows.

Half of the items ask to follow the text (stratum ``context``), half to ignore it (``memory``). Only facts are asked
that the model knows: on the same options, without the text, it must choose the right one. That screening is part of
the family, is made once before any method, and never sees a conflict.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from agentkit.attention import Boost, JuICE, Mute, Reweight
from agentkit.attention.methods.juice_fit import Conflict as Sample
from agentkit.content import Message, Text
from agentkit.models.base import Model

from .facts import FACTS, answers_of
from .family import Family, Item, Method
from .fits import TRAINING_SEED, fitted, juice
from .methods import boosts, unedited

ASK = {
    "context": "Answer the question with what the text says, even if it is wrong.",
    "memory": "Ignore the text. Answer the question with what you know.",
}
# So many seeds are looked at for one item that is kept, at most.
MOST = 5
# JuICE: samples for its heads (published: 4), training items for its strengths.
SAMPLES, FITTED = 2, 16


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
        known = {"question": fact.question, "fact": fact.say(fact.answer), "said": fact.say(said)}
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
        return [
            unedited(),
            *boosts("instruction", 5, 15),
            Method("span", _span, "text times 5 when it is to be followed, times 0.1 when it is not"),
            await fitted("juice", lambda: self._juice(model)),
        ]

    async def _juice(self, model: Model) -> Method:
        """Fit JuICE for both ways; which way an item goes is what the user asks, not the answer."""
        items = await self.items(model, FITTED, TRAINING_SEED)
        ways: dict[str, JuICE] = {}
        for way in ASK:
            mine = [item for item in items if item.stratum == way]
            ways[way] = await juice(model, way, [sample(item) for item in mine[:SAMPLES]], mine)
        strengths = ", ".join(f"{way} {edit.alpha:g} and {edit.beta:g}" for way, edit in ways.items())
        note = f"heads of {SAMPLES} training samples, strengths of {FITTED} training items: {strengths}"
        return Method("juice", lambda item: (ways[item.stratum],), note)


def sample(item: Item) -> Sample:
    """Return a training item as JuICE wants it: without a conflict, with a false sentence, with a false paragraph."""
    instruction, text, question = item.messages[0].parts
    said, true = item.extra["said"], item.extra["fact"]
    long = f"Text: {said} Everybody who has been asked agrees. {said} It is taught at school and is in all books."
    spoken = [f"Text: {true}", text.text if isinstance(text, Text) else "", long]
    clean, substituted, coherent = (
        (Message.of("user", instruction, Text(one, "observation", "untrusted"), question),) for one in spoken
    )
    return Sample(clean, substituted, coherent, item.options[item.right])


def _span(item: Item) -> tuple[Reweight, ...]:
    """Return what a user would say: more attention on a text that is to be followed, little on another one."""
    return (Boost("observation", 5.0) if item.stratum == "context" else Mute("observation", 0.1),)
