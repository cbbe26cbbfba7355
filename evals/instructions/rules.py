"""Instructions whose keeping a program can check: how they are given, limited to a turn, and ended."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

ENDINGS = ("thanks", "indeed", "friend", "cheers", "today")
STARTS = ("Well", "Sure", "Listen", "Honestly", "Look")
AVOIDED = ("the", "is", "a", "of")
MENTIONED = ("river", "music", "garden", "lemon", "window")


@dataclass(frozen=True)
class Rule:
    """An instruction of a ``matter`` (two of one matter conflict) with a value.

    ``once`` is the same for one turn, None when it can't be limited; ``end`` ends it; ``keeps`` says whether a reply
    keeps it. A reply without a word keeps nothing.
    """

    matter: str
    given: str
    once: str | None
    end: str
    keeps: Callable[[str], bool]

    def kept(self, reply: str) -> bool:
        return bool(words(reply)) and self.keeps(reply.strip())


def words(text: str) -> list[str]:
    """Return the words of a text in small letters."""
    return re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text.lower())


def _ending(rng: random.Random) -> Rule:
    word = rng.choice(ENDINGS)
    return Rule(
        "ending",
        f"From now on, end every answer with the word '{word}'.",
        f"Just this once, end your answer with the word '{word}'.",
        "You can stop ending your answers with a certain word.",
        lambda reply: words(reply)[-1] == word,
    )


def _start(rng: random.Random) -> Rule:
    word = rng.choice(STARTS)
    return Rule(
        "start",
        f"Always start your answers with the word '{word}'.",
        f"Only this time, start your answer with the word '{word}'.",
        "Stop starting your answers with a certain word.",
        lambda reply: words(reply)[0] == word.lower(),
    )


def _case(rng: random.Random) -> Rule:
    end = "You no longer have to care about capital letters."
    if rng.random() < 0.5:
        return Rule("case", "Write all your answers in capital letters.", None, end, str.isupper)
    return Rule("case", "From here on, write all your answers in lower case letters.", None, end, str.islower)


def _length(rng: random.Random) -> Rule:
    count = rng.choice((1, 2, 3))
    name = ("one sentence", "two sentences", "three sentences")[count - 1]
    return Rule(
        "length",
        f"Every answer must have exactly {name} from now on.",
        f"For this answer only, use exactly {name}.",
        "Stop counting the sentences of your answers.",
        lambda reply: len([part for part in re.split(r"[.!?]+", reply) if words(part)]) == count,
    )


def _list(rng: random.Random) -> Rule:
    return Rule(
        "list",
        "In all your answers, write a bulleted list.",
        None,
        "You do not have to write lists any more.",
        lambda reply: all(re.match(r"\s*[-*•]\s*\S", line) for line in reply.splitlines() if line.strip()),
    )


def _brackets(rng: random.Random) -> Rule:
    return Rule(
        "brackets",
        "Put every answer in square brackets.",
        None,
        "No need to put answers in brackets any more.",
        lambda reply: reply.startswith("[") and reply.endswith("]"),
    )


def _commas(rng: random.Random) -> Rule:
    return Rule(
        "commas",
        "Never use a comma in your answers.",
        None,
        "You may use commas again.",
        lambda reply: "," not in reply,
    )


def _avoided(rng: random.Random) -> Rule:
    word = rng.choice(AVOIDED)
    return Rule(
        "avoided",
        f"Never use the word '{word}' in your answers.",
        None,
        f"You can use the word '{word}' again.",
        lambda reply: word not in words(reply),
    )


def _mentioned(rng: random.Random) -> Rule:
    word = rng.choice(MENTIONED)
    return Rule(
        "mentioned",
        f"Mention the word '{word}' in every answer.",
        None,
        f"There is no need to mention the word '{word}' any longer.",
        lambda reply: word in words(reply),
    )


MATTERS: dict[str, Callable[[random.Random], Rule]] = {
    "ending": _ending,
    "start": _start,
    "case": _case,
    "length": _length,
    "list": _list,
    "brackets": _brackets,
    "commas": _commas,
    "avoided": _avoided,
    "mentioned": _mentioned,
}
# Of these only one can hold: a list does not begin with a bracket.
EITHER = ("list", "brackets")
CHANGEABLE = ("ending", "start", "case", "length")
LIMITED = ("ending", "start", "length")


def other(rng: random.Random, rule: Rule) -> Rule:
    """Return another rule of the same matter, which conflicts with it."""
    while True:
        found = MATTERS[rule.matter](rng)
        if found.given != rule.given:
            return found
