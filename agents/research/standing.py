"""How a span stands in its sentence: what speaks for it or against it as the answer, by grammar alone."""

from __future__ import annotations

import re

from .spans import CAPTION, kind_of
from .words import stem, words

_NAME = r"[A-Z][\w'’.-]*(?:\s+(?:of|the|and|de|la|al)\s+[A-Z][\w'’.-]*|\s+[A-Z][\w'’.-]*)*"
# "Botswana, Lesotho and Namibia": at least two names in a row.
_LISTED = re.compile(rf"{_NAME}(?:,\s+(?:and\s+)?{_NAME})+(?:\s+and\s+{_NAME})?")
_COUNTED = re.compile(r"^(?:\w+\s+)?how\s+(?:many|much)\s+(\w+)", re.IGNORECASE)
_WHO_DID = re.compile(r"^who\s+(\w+)", re.IGNORECASE)
_WHERE = re.compile(r"^(?:where|(?:in|at|on|near) which)\b", re.IGNORECASE)
_SHOWN = re.compile(r"\b(?:shown|seen|depicted|pictured|in this picture|in this photo)", re.IGNORECASE)


def standing(question: str, span: str, sentence: str) -> float:
    """Return what the place of a span in a sentence says for it: 0 nothing, more for it, less against it.

    - The unit after a number: of "70 horsepower, 4 cylinders", 70 answers "how many horsepower".
    - The kind before a name: "in the state Iowa" is no city.
    - Who did it stands after "by" in a passive, where it is after "in" or "of".
    - Names in one list with what is asked about are its like, not the answer.
    - A picture shows all that its caption says.
    """
    places = [match.start() for match in re.finditer(re.escape(span), sentence)]
    if not span or not places:
        return 0.0
    told = [_around(question, span, sentence[:place], sentence[place + len(span) :]) for place in places]
    return max(told) + _like(question, span, sentence) + _caption(question, span, sentence)


def _around(question: str, span: str, before: str, after: str) -> float:
    """Return what the words right before and after a span say for it."""
    by_before = _kind(question, before) + _agent(question, before) + _where(question, span, before)
    return by_before + _unit(question, span, after)


def _unit(question: str, span: str, after: str) -> float:
    counted = _COUNTED.match(question)
    if counted is None or not span[-1:].isdigit():
        return 0.0
    unit = re.match(r"\s+([a-z]+)", after)
    if unit is None:
        return 0.0
    return 1.0 if stem(unit[1]) == stem(counted[1].lower()) else -1.0


def _kind(question: str, before: str) -> float:
    asked = kind_of(question)
    named = re.search(r"\b(?:the|an?)\s+([a-z]+)\s+(?:called\s+|named\s+)?$", before)
    if asked is None or named is None:
        return 0.0
    return 1.0 if stem(named[1]) == stem(asked) else -1.0


def _agent(question: str, before: str) -> float:
    did = _WHO_DID.match(question)
    if did is None:
        return 0.0
    done = re.search(r"\b(\w+)\s+by\s+(?:the\s+)?$", before)
    return 1.0 if done is not None and stem(done[1].lower()) == stem(did[1].lower()) else 0.0


def _where(question: str, span: str, before: str) -> float:
    if _WHERE.match(question) is None or not span[:1].isupper():
        return 0.0
    return 1.0 if re.search(r"\b(?:in|at|near|of|from)\s+(?:the\s+)?$", before) else 0.0


def _like(question: str, span: str, sentence: str) -> float:
    asked = set(words(question))
    for listed in _LISTED.finditer(sentence):
        names = re.split(r",\s+(?:and\s+)?|\s+and\s+", listed[0])
        if span not in listed[0]:
            continue
        if any(words(name) and set(words(name)) <= asked and name[:1].isupper() for name in names):
            return -1.0
    return 0.0


def _caption(question: str, span: str, sentence: str) -> float:
    shown = CAPTION.search(sentence)
    if shown is None or _SHOWN.search(question) is None:
        return 0.0
    return 1.0 if shown[1].strip() == span else 0.0
