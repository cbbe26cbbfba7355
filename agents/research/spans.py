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
# From this coverage on a sentence says what is asked.
SAID = 0.9
THINGS = frozenset(["it", "its"])
PRONOUNS = frozenset(["it", "its", "he", "his", "she", "her", "they", "their", "this", "these"])
_KIND = re.compile(
    r"(?:^(?:\w+\s+)?(?:which|what)|\bwhich)\s+"
    r"(?:(?P<long>(?:\w+\s+){0,2}?\w+)\s+(?:does|do|did|is|was|are|were|has|have|had|can)\b|(?P<short>\w+))",
    re.IGNORECASE,
)
# What a request begins with, beside the words that say nothing.
ORDERS = frozenset(
    ["give", "find", "list", "say", "show", "take", "consider", "look", "explain", "between", "whose"]
)
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
        r"(?<![\w.+])-?\d[\d,]*(?:\.\d+)?",
        r"(?<!\w)\.[a-z]{2,6}\b",
    )
)
# What a sentence says of its subject, and what stands beside it.
_SAID = re.compile(r"\b(?:is|was|are|were|shows|called)\s+(?:an?\s+|the\s+)?([^.;:!?]+(?:\.\d+)?)")
_BESIDE = re.compile(r"\b(?:of|by|in|borders|has|have)\s+(?:an?\s+|the\s+)?([^.,;:!?]+)")
# All that a caption says is shown.
CAPTION = re.compile(
    r"\b(?:picture|photograph|photo|image|drawing|painting|icon|symbol)\s+of\s+(?:an?\s+|the\s+)?([^.;:!?]+)",
    re.IGNORECASE,
)
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
    cover far less than the best are left out. Three times as many where none covers it all.
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
    # Where no sentence says all that is asked, words can't tell which is meant: the reader sees more of them.
    wide = most if not found or max(item[1].covers for item in found) >= SAID else 3 * most
    return [sentence for value, sentence in unique.values() if value >= FAR * best][:wide]


def weights(question: str) -> dict[str, float]:
    """Return the stems of a question's content words with their weights.

    Names, codes and numbers weigh double: they tell things apart. The noun of "which river" weighs half: the answer
    is one, and a text seldom says so.
    """
    kind = kind_of(question)
    kinds = {stem(kind)} if kind is not None else set()
    named = {stem(word.lower()) for word in names_of(question)}
    return {word: 2.0 if word in named else 0.5 if word in kinds else 1.0 for word in content(question)}


def names_of(question: str) -> list[str]:
    """Return the words of a question that begin with a capital or a digit, but for one that only begins it."""
    found = re.findall(r"\b(?:[A-Z]|\d)[\w'’-]*", question)
    first = question.lstrip(" \"'(")
    begins = bool(found) and first.startswith(found[0])
    return found[1:] if begins and found[0].lower() in STOP | ORDERS else found


def kind_of(question: str) -> str | None:
    """Return what is asked for by kind: "river" of "which river", "code" of "which calling code does", None else."""
    asked = _KIND.search(question)
    if asked is None:
        return None
    kind = (asked["long"] or asked["short"]).lower().split()[-1]
    return None if kind in STOP else kind


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
            if not span or len(span.split()) > LONGEST or _lists(span, asked):
                continue
            # ".in" is a domain, though "in" says nothing.
            if span[0] not in ".+" and (
                stems <= STOP or (stems <= asked and not said_again(question, span, text))
            ):
                continue
            found.setdefault(span.lower(), span)
    return list(found.values())[:most]


def said_again(question: str, span: str, sentence: str) -> bool:
    """Say whether a sentence says a name once more than the question's own words in it account for.

    Of "The capital of San Marino is City of San Marino." and "Which country has the capital City of San Marino?" the
    first San Marino is said again, and may be the answer.
    """
    if not span[:1].isupper():
        return False
    asked = f" {' '.join(words(question))} "
    said = words(sentence)
    place = 0
    left: list[str] = []
    while place < len(said):
        # The longest run of words that the question has too, if a name is in it.
        end = max(
            (e for e in range(place + 1, len(said) + 1) if f" {' '.join(said[place:e])} " in asked),
            default=place,
        )
        run = " ".join(said[place:end])
        if end > place and run in asked:
            asked = asked.replace(f" {run} ", " | ", 1)
            left.append("|")
            place = end
        else:
            left.append(said[place])
            place += 1
    return f" {' '.join(words(span))} " in f" {' '.join(left)} "


def counts(question: str) -> bool:
    """Say whether a question can only be answered by a number."""
    return (
        re.match(r"(?:\w+\s+)?how\s+(?:many|much|old|long|far|high|tall)\b", question, re.IGNORECASE)
        is not None
    )


def fits(question: str, answer: str) -> float:
    """Return how well the form of an answer fits the question word: 1 fits, 0 does not, 0.5 where nothing is known."""
    asked = _from_which(question.lower())
    digits = any(character.isdigit() for character in answer)
    name = answer[:1].isupper()
    if re.match(r"(how (many|much|old|long|far|high|tall)|when)\b", asked) or re.search(
        r"\b(number|year|population|area|price|weight|age)\b", asked.partition("?")[0][:60]
    ):
        return 1.0 if digits or answer.lower() in _MONTHS else 0.0
    if re.match(r"(who|whose|where|(in )?which (country|city|state|person|place))\b", asked):
        # One is asked for, so a list is hardly it.
        listed = "," in answer and not asked.startswith("who")
        return 0.0 if digits or not name else 0.3 if listed else 0.1 if _is_code(answer) else 1.0
    if re.match(r"(in |on |through |at )?which\b", asked):
        if name:
            coded = _is_code(answer) and not re.match(r"[\w ]*which \w*\s?(?:code|currency|symbol)", asked)
            return 0.3 if "," in answer or coded else 1.0
        return 0.2 if answer[:1].isdigit() else 0.5
    return 0.5


def _is_code(answer: str) -> bool:
    """Say whether an answer is capitals alone: a code, seldom a name."""
    return answer.isupper() and 1 < len(answer) <= 4


def _from_which(asked: str) -> str:
    """Return "Portugal has which neighbour?" from its question word on."""
    if re.match(r"(\w+\s+)?(which|what|who|whose|where|when|how)\b", asked):
        return asked
    place = re.search(r"\bwhich\b", asked)
    return asked[place.start() :] if place is not None else asked


def _lists(span: str, asked: set[str]) -> bool:
    """Say whether a span is a list that has what is asked about among its items: never the answer to that."""
    items = span.split(", ")
    return len(items) > 1 and any(
        item[:1].isupper() and {stem(word) for word in words(item)} <= asked for item in items
    )


def _raw(text: str) -> list[str]:
    found = [(match.start(), match[0]) for pattern in _SPANS for match in pattern.finditer(text)]
    for match in _SAID.finditer(text):
        found.append((match.start(1), match[1]))
        found.append((match.start(1), _ENDS_SPAN.split(match[1])[0]))
    found += [(match.start(1), _ENDS_SPAN.split(match[1])[0]) for match in _BESIDE.finditer(text)]
    found += [(match.start(1), match[1]) for match in CAPTION.finditer(text)]
    return [span for _, span in sorted(found, key=lambda item: item[0])]


def _trimmed(span: str) -> str:
    span = span.strip().strip(",;:!?\"'()[]").rstrip(".").strip()
    return re.sub(r"^(?:the|a|an)\s+(?=[a-z])", "", span, flags=re.IGNORECASE)
