"""Which words of a text could be an answer: names, numbers, codes, what is said after "is" and "by"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .words import STOP, content, sentences, stem, words

# Spans of a prompt that are scored in one go; more seldom hold a better one.
MOST_SPANS = 24
# Sentences below this share of the best one's coverage are about something else.
FAR = 0.7
THINGS = frozenset(["it", "its"])
PRONOUNS = frozenset(["it", "its", "he", "his", "she", "her", "they", "their", "this", "these"])
# Words of the longest span: a name, a title, a short list.
LONGEST = 9
_NAME = r"[^\W\d_a-z][\w'’./-]*"
_SPANS = tuple(
    re.compile(pattern)
    for pattern in (
        # Names, with the small words inside of them, and lists of names.
        rf"{_NAME}(?:(?:\s+(?:of|for|the|and|de|la|von|van|der|du|al|&)){{0,2}}\s+{_NAME})*",
        rf"{_NAME}(?:\s+{_NAME})*(?:(?:,|;)\s+{_NAME}(?:\s+{_NAME})*)+(?:\s+and\s+{_NAME}(?:\s+{_NAME})*)?",
        # Dates, numbers, telephone codes, domains.
        r"\d{4}-\d{2}-\d{2}",
        r"\+\d[\d\s-]*\d|\+\d",
        r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?",
        r"(?<!\w)\.[a-z]{2,6}\b",
    )
)
# What a sentence says of its subject, and what stands beside it.
_SAID = re.compile(r"\b(?:is|was|are|were|shows|called)\s+(?:an?\s+|the\s+)?([^.;:!?]+(?:\.\d+)?)")
_BESIDE = re.compile(r"\b(?:of|by|in|borders|has|have)\s+(?:an?\s+|the\s+)?([^.,;:!?]+)")
_ENDS_SPAN = re.compile(r",\s|\s(?:and|with|in|of|is|was|were|are|has|have|where|which|that|by|on)\s")
_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)


@dataclass(frozen=True)
class Sentence:
    """A sentence of a passage (by its number) and how much of the question it covers, 0 to 1."""

    text: str
    passage: int
    covers: float


def best_sentences(question: str, passages: Sequence[tuple[str, str]], most: int = 4) -> list[Sentence]:
    """Return the sentences that cover most of a question, best first; passages are (title, text), best first.

    A word that only the passage's title holds counts half: texts seldom repeat what they are about. Sentences that
    cover far less than the best are left out.
    """
    wanted = weights(question)
    whole = sum(wanted.values()) or 1.0
    found: list[tuple[float, Sentence]] = []
    for number, (title, text) in enumerate(passages):
        titled = set(content(title))
        for place, sentence in enumerate(sentences(text)):
            held = set(content(sentence))
            # "It borders ...", "flows through it": about what the title names.
            share = 1.0 if refers(sentence) else 0.5
            full = sum(weight for word, weight in wanted.items() if word in held)
            part = sum(weight for word, weight in wanted.items() if word in titled and word not in held)
            covers = (full + share * part) / whole
            # Equal sentences keep the order of the search.
            found.append((covers - 0.02 * number - 0.001 * place, Sentence(sentence, number, covers)))
    found.sort(key=lambda item: -item[0])
    unique: dict[str, tuple[float, Sentence]] = {}
    for value, sentence in found:
        unique.setdefault(sentence.text, (value, sentence))
    best = found[0][0] if found else 0.0
    return [sentence for value, sentence in unique.values() if value >= FAR * best][:most]


def weights(question: str) -> dict[str, float]:
    """Return the stems of a question's content words with their weights.

    Names, codes and numbers weigh double: they tell things apart. The noun of "which river" weighs half: the answer
    is one, and a text seldom says so.
    """
    kind = re.match(r"(?:\w+\s+)?(?:which|what)\s+(\w+)", question, re.IGNORECASE)
    kinds = {stem(kind[1].lower())} if kind is not None else set()
    named = {stem(word.lower()) for word in re.findall(r"(?<!^)\b(?:[A-Z]|\d)[\w'’-]*", question)}
    return {word: 2.0 if word in named else 0.5 if word in kinds else 1.0 for word in content(question)}


def refers(sentence: str) -> bool:
    """Say whether a sentence speaks of its subject by a pronoun."""
    said = words(sentence)
    return bool(said) and (said[0] in PRONOUNS or not THINGS.isdisjoint(said))


def spans(question: str, texts: Sequence[str], most: int = MOST_SPANS) -> list[str]:
    """Return the spans of texts that could answer a question, in order; none that only repeats the question."""
    asked = {stem(word) for word in words(question)}
    found: dict[str, str] = {}
    for text in texts:
        for span in _raw(text):
            span = _trimmed(span)
            stems = {stem(word) for word in words(span)}
            if not span or len(span.split()) > LONGEST:
                continue
            # ".in" is a domain, though "in" says nothing.
            if span[0] not in ".+" and (stems <= asked or stems <= STOP):
                continue
            found.setdefault(span.lower(), span)
    return list(found.values())[:most]


def fits(question: str, answer: str) -> float:
    """Return how well the form of an answer fits the question word: 1 fits, 0 does not, 0.5 where nothing is known."""
    asked = question.lower()
    digits = any(character.isdigit() for character in answer)
    name = answer[:1].isupper()
    if re.match(r"(how (many|much|old|long|far|high|tall)|when)\b", asked) or re.search(
        r"\b(number|year|population|area|price|weight|age)\b", asked.partition("?")[0][:60]
    ):
        return 1.0 if digits or answer.lower() in _MONTHS else 0.0
    if re.match(r"(who|whose|where|(in )?which (country|city|state|person|place))\b", asked):
        # One is asked for, so a list is hardly it.
        listed = "," in answer and not asked.startswith("who")
        return 0.0 if digits or not name else 0.3 if listed else 1.0
    if re.match(r"(in |on |through |at )?which\b", asked) and name:
        return 0.3 if "," in answer else 1.0
    return 0.5


def _raw(text: str) -> list[str]:
    found = [(match.start(), match[0]) for pattern in _SPANS for match in pattern.finditer(text)]
    for match in _SAID.finditer(text):
        found.append((match.start(1), match[1]))
        found.append((match.start(1), _ENDS_SPAN.split(match[1])[0]))
    found += [(match.start(1), _ENDS_SPAN.split(match[1])[0]) for match in _BESIDE.finditer(text)]
    return [span for _, span in sorted(found, key=lambda item: item[0])]


def _trimmed(span: str) -> str:
    span = span.strip().strip(",;:!?\"'()[]").rstrip(".").strip()
    return re.sub(r"^(?:the|a|an)\s+(?=[a-z])", "", span, flags=re.IGNORECASE)
