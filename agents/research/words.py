"""What texts have in common: sentences, content words, coverage."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Words that say nothing about what a text is about.
STOP = frozenset(
    {
        "a", "an", "the", "of", "in", "on", "at", "to", "for", "from", "by", "with", "and", "or", "is", "are",
        "was", "were", "be", "been", "being", "do", "does", "did", "has", "have", "had", "what", "which", "who",
        "whom", "whose", "when", "where", "why", "how", "that", "this", "these", "those", "it", "its", "their",
        "his", "her", "there", "than", "then", "as", "into", "over", "under", "one", "only", "many", "much",
        "some", "any", "no", "not", "can", "could", "would", "should", "will", "shall", "may", "might", "me",
        "my", "you", "your", "we", "our", "they", "them", "he", "she", "i", "please", "tell", "name",
        "according",
    }
)  # fmt: skip
# Asking for the newest of several versions.
NEWEST = re.compile(
    r"\b(latest|newest|most recent|current|currently|now|today|nowadays|so far)\b", re.IGNORECASE
)
# What a question says of the answer's source or age is nothing that a text about the answer says.
_ABOUT_SOURCE = re.compile(
    rf"\baccording to (?:the |any |all )?(?:\w+ ){{0,3}}(?:reports?|sources?|data|records?|texts?|documents?)\b|{NEWEST.pattern}",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ENDS = (
    "ational",
    "ations",
    "ation",
    "ings",
    "ing",
    "edly",
    "ied",
    "ies",
    "ed",
    "es",
    "er",
    "ers",
    "s",
    "e",
    "y",
)
# A full stop after an initial or a short abbreviation ends no sentence.
_SENTENCE = re.compile(
    r"(?<!\b[A-Z])(?<!\b[A-Z][a-z])(?<!\b[a-z]\.[a-z])([.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])"
)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text."""
    found: list[str] = []
    for line in text.splitlines():
        start = 0
        for match in _SENTENCE.finditer(line):
            found.append(line[start : match.end()].strip())
            start = match.end()
        found.append(line[start:].strip())
    return [sentence for sentence in found if sentence]


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return [re.sub(r"['’]s?$", "", word.lower()) for word in _WORD.findall(text)]


def content(text: str) -> list[str]:
    """Return the stems of the words that say what a text is about, in order, each once."""
    about = _ABOUT_SOURCE.sub(" ", text)
    return list(dict.fromkeys(stem(word) for word in words(about) if word not in STOP))


def stem(word: str) -> str:
    """Return a word without its ending: crude, the same for both sides of a comparison."""
    for end in _ENDS:
        if word.endswith(end) and len(word) - len(end) >= 4:
            return word[: -len(end)]
    return word


def coverage(asked: str, text: str) -> float:
    """Return the share of the content words of ``asked`` that ``text`` holds; 1 when nothing is asked for."""
    wanted = content(asked)
    if not wanted:
        return 1.0
    held = set(content(text))
    return sum(word in held for word in wanted) / len(wanted)


def uncovered(asked: str, texts: Iterable[str]) -> list[str]:
    """Return the content words of ``asked`` that none of the texts holds, as they stand there."""
    held = {word for text in texts for word in content(text)}
    return [
        word for word in _WORD.findall(asked) if word.lower() not in STOP and stem(word.lower()) not in held
    ]


def wants_newest(question: str) -> bool:
    """Say whether a question asks for the newest version of a fact."""
    return NEWEST.search(question) is not None


def same(first: str, second: str) -> bool:
    """Say whether two answers are the same but for case, punctuation and articles."""
    return plain(first) == plain(second)


def plain(text: str) -> str:
    """Return an answer in lower case without punctuation, articles and the commas of numbers."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower())
    kept = re.sub(r"[^\w\s.+-]|(?<!\d)\.|\.(?!\d)", " ", text)
    return " ".join(word for word in kept.split() if word not in ("a", "an", "the"))
