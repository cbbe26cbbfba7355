"""What a question says of the sentences before it: "I found this flag. Which currency does its country have?"

Rules of grammar, as in ``questions``: what a word of the question stands for becomes a question of its own, or is put
in its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .questions import DEICTIC, PRONOUN, noun_phrase
from .words import stem

# "the neighbour's", "that country": what was spoken of.
_SPOKEN_OF = re.compile(r"\b(?:the|that|this|said|such an?)\s+(?P<noun>[a-z][\w-]+)\b", re.IGNORECASE)
# "its currency code", up to where the noun phrase ends.
_OWNED = re.compile(
    r"\b(?:its|their|his|her)\s+(?P<thing>[\w\s-]+?)(?=[?,.;]|$|\s+(?:in|on|at|by|have|has|had|is|was|are|were|do|does)\b)",
    re.IGNORECASE,
)
_NAME = re.compile(r"^(?P<name>[A-Z][\w'’.-]*(?:\s+[A-Z][\w'’.-]*)*)\s+(?:is|was|are|were|has|had)\b")


def introduced(question: str, told: Sequence[str]) -> tuple[str, str] | None:
    """Return the phrase of a question that stands for something the task only spoke of, and what asks for that.

    "The country whose capital is Lisbon has one neighbour only. What is the neighbour's area?" gives "the neighbour"
    and "The country whose capital is Lisbon has which neighbour?". None when no word does.
    """
    for match in _SPOKEN_OF.finditer(question):
        for sentence in reversed(told):
            new = _first_spoken(match["noun"], sentence)
            if new is not None:
                ask = f"{sentence[: new.start()]}which {new['noun']}{sentence[new.end() :]}"
                return match[0], ask.strip().rstrip(".:;!") + "?"
    return None


def with_antecedent(question: str, told: Sequence[str]) -> str:
    """Return a question whose pronoun is replaced by what the task spoke of before: a picture, a clause, a name."""
    owned = _OWNED.search(question)
    pronoun = PRONOUN.search(question)
    if owned is None or pronoun is None or pronoun.start() != owned.start():
        return question
    for sentence in reversed(told):
        thing = _spoken_of(sentence)
        if thing is not None:
            return f"{question[: owned.start()]}the {owned['thing']} of {thing}{question[owned.end() :]}"
    return question


def _spoken_of(sentence: str) -> str | None:
    clause = noun_phrase(sentence)
    if clause is not None:
        return clause
    shown = DEICTIC.search(sentence)
    if shown is not None:
        return shown[0]
    name = _NAME.match(sentence)
    return name["name"] if name is not None else None


def _first_spoken(noun: str, sentence: str) -> re.Match[str] | None:
    """Return where a sentence speaks of something for the first time: "one neighbour only", "a country"."""
    few = re.escape(stem(noun.lower()))
    return re.search(
        rf"\b(?:an?|one|some|exactly one|only one|just one|a single)\s+(?:(?:other|single|certain)\s+)?"
        rf"(?P<noun>{few}\w*)\b(?:\s+only\b)?",
        sentence,
        re.IGNORECASE,
    )
