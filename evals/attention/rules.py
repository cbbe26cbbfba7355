"""Format rules, as in MMMT-IF (arXiv 2409.18216): a rule is given in the first turn and holds from then on.

Whether a reply keeps the rule is checked by a program. One turn that keeps it is shown: without one, SmolLM2-135M
keeps almost none, so nothing could be lost or gained. Whether a reply also answers the question is measured beside it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agentkit.content import Message, Text
from agentkit.models.base import Model

from .facts import FACTS, Fact
from .family import Family, Item, Method
from .fits import fitted
from .methods import boosts, buckets, pasta, steering, unedited

WORDS = ("thanks", "indeed", "friend", "cheers", "always", "today")
STARTS = ("Well", "Sure", "Listen", "Honestly", "Look")
LISTS = {
    "What do farmers keep?": ("cow", "sheep", "pig", "goat", "chicken", "horse", "cattle"),
    "What can you wear?": ("hat", "shirt", "shoe", "sock", "coat", "dress", "pants", "jacket"),
    "What can you eat?": ("apple", "bread", "egg", "rice", "cheese", "fruit", "vegetable", "meat"),
    "What do plants need?": ("water", "light", "air", "soil", "nutrient"),
    "What is in a kitchen?": (
        "knife",
        "spoon",
        "stove",
        "oven",
        "sink",
        "pan",
        "pot",
        "refrigerator",
        "plate",
    ),
    "What animals live in the sea?": (
        "fish",
        "whale",
        "shark",
        "dolphin",
        "crab",
        "seal",
        "octopus",
        "turtle",
    ),
}
TOKENS = 32


@dataclass(frozen=True)
class Rule:
    """A rule as the user says it, how it changes an answer, and whether a reply keeps it.

    ``long``: only a question with a long answer shows whether it is kept.
    """

    stratum: str
    text: str
    write: Callable[[str], str]
    keeps: Callable[[str], bool]
    long: bool = False


def make_rule(rng: random.Random) -> Rule:
    """Return a random rule."""
    last, first, things = rng.choice(WORDS), rng.choice(STARTS), rng.choice((2, 3))
    rules = [
        Rule("case", "Write all your answers in lower case letters only.", str.lower, _all(str.islower)),
        Rule("case", "Write all your answers in CAPITAL LETTERS only.", str.upper, _all(str.isupper)),
        Rule(
            "frame",
            f"End all your answers with the word '{last}'.",
            lambda answer: f"{answer.rstrip('.')}, {last}.",
            lambda reply: _words(reply)[-1:] == [last],
        ),
        Rule(
            "frame",
            f"Start all your answers with the word '{first}'.",
            lambda answer: f"{first}, {answer[0].lower()}{answer[1:]}",
            lambda reply: _words(reply)[:1] == [first.lower()],
        ),
        Rule(
            "frame",
            "Put all your answers in square brackets.",
            lambda answer: f"[{answer}]",
            _all(lambda reply: reply.startswith("[") and reply.endswith("]")),
        ),
        Rule(
            "frame",
            "End all your answers with an exclamation mark.",
            lambda answer: f"{answer.rstrip('.')}!",
            _all(lambda reply: reply.endswith("!")),
        ),
        Rule("length", "Do not use any comma in your answers.", _without_commas, _all(_no_comma), long=True),
        Rule(
            "length",
            "Use at most five words in all your answers.",
            lambda answer: " ".join(answer.rstrip(".").split()[-2:]).replace(",", "") + ".",
            lambda reply: 1 <= len(_words(reply)) <= 5,
        ),
        Rule(
            "length",
            f"Answer with a list of exactly {things} things, one on each line.",
            lambda answer: "\n".join(f"- {word}" for word in _last_words(answer, things)),
            lambda reply: len([line for line in reply.splitlines() if line.strip()]) == things,
            long=True,
        ),
    ]
    return rng.choice(rules)


class FormatRules(Family):
    """Keeping a format rule that was given before."""

    name = "rules"
    title = "keep a format rule of the first turn (checked by a program)"
    role: Literal["see", "decide"] = "decide"
    count = 48

    def item(self, seed: int) -> Item:
        rng = random.Random(seed)
        rule = make_rule(rng)
        (shown, shown_answers), (question, answers) = _questions(rng, rule.long)
        messages = (
            Message.of("user", Text(rule.text, "instruction"), Text(shown, "exemplar")),
            Message.of("assistant", Text(rule.write(_sentence(shown, shown_answers)), "exemplar")),
            Message.of("user", Text(question, "query")),
        )
        return Item(
            seed,
            messages,
            check=rule.keeps,
            tokens=TOKENS,
            stratum=rule.stratum,
            extra={"answers": answers},
        )

    def also(self, item: Item, answer: str) -> Mapping[str, bool]:
        return {"answered": any(word.lower() in answer.lower() for word in item.extra["answers"])}

    async def methods(self, model: Model) -> Sequence[Method]:
        return [
            unedited(),
            *boosts("instruction", 2, 5, 15),
            await fitted("pasta", lambda: pasta(model, "instruction")),
            buckets(),
            await fitted("steering", lambda: steering(model, self, "instruction")),
        ]


def _questions(rng: random.Random, long: bool) -> list[tuple[str, tuple[str, ...]]]:
    """Return two different questions with what may answer them."""
    if long:
        return rng.sample(list(LISTS.items()), 2)
    facts: list[Fact] = rng.sample([fact for fact in FACTS if fact.kind != "colour"], 2)
    return [(fact.question, (fact.answer,)) for fact in facts]


def _sentence(question: str, answers: Sequence[str]) -> str:
    for fact in FACTS:
        if fact.question == question:
            return fact.say(fact.answer)
    one, two, three = answers[:3]
    return f"For example {one}, {two} and {three}."


def _without_commas(answer: str) -> str:
    return answer.replace(",", " and")


def _no_comma(reply: str) -> bool:
    return "," not in reply and len(_words(reply)) > 2


def _last_words(answer: str, count: int) -> list[str]:
    return [word for word in _words(answer) if word != "and"][-count:]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def _all(holds: Callable[[str], bool]) -> Callable[[str], bool]:
    """Return a check of the whole reply without its outer blanks; a reply without a letter keeps no rule."""
    return lambda reply: bool(_words(reply)) and holds(reply.strip())
