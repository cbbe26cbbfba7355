"""The words of a text as they are indexed and searched for."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_WORDS = 64
# Chinese, Japanese and Korean have no spaces: every character is a word of its own there.
_IDEOGRAPH = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_WORD = re.compile(r"\w+")
# Words of half of all texts: they cost most of a search and say nothing. Dropped when others are left.
_STOP = """
a about all also an and any are as at be been but by can could did do does for from had has have he her his how i if in
into is it its me more my no not of on or our she so some than that the their them then there these they this those to
up was we were what when where which who whom whose why will with would you your
"""
STOP_WORDS = frozenset(_STOP.split())


def spaced(text: str) -> str:
    """Return a text with spaces around every ideograph, so that each is a word."""
    return _IDEOGRAPH.sub(r" \1 ", text)


def words_of(text: str) -> list[str]:
    """Return the words of a text that are searched for: letters and digits only, without those that say nothing."""
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(spaced(text))))
    telling = [word for word in words if word not in STOP_WORDS] or words
    return telling[:MOST_WORDS]


def any_of(words: Sequence[str]) -> str:
    """Return the FTS5 query of any of the words, in quotes so that none is an operator."""
    return " OR ".join(f'"{word}"' for word in words)
