"""Several versions of one fact: which is the newest, and which sources disagree. Shown, never averaged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...tools.retrieval import Passage
from .spans import PRONOUNS
from .words import plain, sentences, wants_newest, words

_DATE = re.compile(r"\b(\d{4}-\d{2}-\d{2}|(?:1[5-9]|20)\d{2})\b")


@dataclass(frozen=True)
class Said:
    """A value that a passage gives, the sentence that gives it, and the date that it is of."""

    answer: str
    quote: str
    passage: Passage
    date: str | None


def versions(answer: str, quote: str, passages: Sequence[Passage]) -> list[Said]:
    """Return every value that the passages give in sentences of the quote's form, the quote's own among them.

    The form is the sentence with the answer and all dates left open: "On ..., the price of one IBM share was ...".
    Dates are the sentence's own, else its document's.
    """
    if not answer or answer not in quote:
        return []
    form = _form(answer, quote)
    found: list[Said] = []
    # "It borders ..." is the same fact only where the same thing is spoken of.
    about = {p.title for p in passages if quote in p.text} if words(quote)[0] in PRONOUNS else None
    for passage in passages:
        if about is not None and passage.title not in about:
            continue
        for sentence in sentences(passage.text):
            match = form.fullmatch(sentence)
            if match is not None:
                dates = [date for date in _DATE.findall(sentence) if date != match["answer"]]
                found.append(Said(match["answer"], sentence, passage, dates[0] if dates else passage.date))
    return found


def pick(question: str, said: Sequence[Said]) -> Said | None:
    """Return the version that a question asks for; None when there is nothing to choose by.

    A date in the question decides; else, where it asks for the newest or the versions differ and all have dates,
    the newest.
    """
    if len({plain(one.answer) for one in said}) < 2:
        return None
    asked = _DATE.findall(question)
    if asked:
        named = [one for one in said if one.date and any(one.date.startswith(date) for date in asked)]
        return named[0] if named else None
    dated = [one for one in said if one.date]
    if not dated or (len(dated) < len(said) and not wants_newest(question)):
        return None
    return max(dated, key=lambda one: one.date or "")


def _form(answer: str, quote: str) -> re.Pattern[str]:
    before, _, after = quote.partition(answer)
    parts = [_DATE.sub("\0", before), _DATE.sub("\0", after)]
    left, right = (re.escape(part).replace("\0", r"[\w-]+") for part in parts)
    return re.compile(rf"{left}(?P<answer>.{{1,120}}?){right}")
