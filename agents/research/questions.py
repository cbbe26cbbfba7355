"""How an English question is built: what must be known first, what can be asked side by side.

Rules of grammar, no model: the noun phrase with a clause that comes last ("the country whose capital is Lima") is a
question of its own, and its answer takes the phrase's place. So a chain of any length unrolls from its end, for models
that are too small to plan one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .words import STOP, sentences

Need: TypeAlias = Literal["text", "picture"]
COMPARED = re.compile(
    r"^(?:which|what|who)\b(?P<noun>[\w\s]*?)\b(?:has|have|had|is|was|are|were)\b\s+(?:the\s+)?"
    r"(?P<more>larger|largest|greater|greatest|higher|highest|bigger|biggest|more|most|longer|longest|later|latest|"
    r"heavier|heaviest|smaller|smallest|lower|lowest|less|least|fewer|fewest|shorter|shortest|earlier|earliest|lighter|"
    r"lightest)\s*(?P<attribute>[\w\s]*?)(?:,|:)\s*(?P<first>.+?),?\s+or\s+(?P<second>.+?)\?*$",
    re.IGNORECASE,
)
LESS = frozenset(
    [
        "smaller",
        "smallest",
        "lower",
        "lowest",
        "less",
        "least",
        "fewer",
        "fewest",
        "shorter",
        "shortest",
        "earlier",
        "earliest",
        "lighter",
        "lightest",
    ]
)
# "the X whose Y", "the X in which Y", "the X with Y": the phrase from its article on.
# The noun itself holds no preposition: of "the capital of the country where", the country is meant.
_NOUN = r"(?!(?:of|in|on|at|for|to|from|by|the|a|an|and|or|is|was|are|were|that|which|who|with)\b)[\w'’-]+"
CLAUSE = re.compile(
    rf"\b(?P<article>the|a|an)\s+(?P<noun>(?:{_NOUN}\s+){{0,4}}?{_NOUN})\s+"
    r"(?P<link>whose|where|in which|on which|at which|for which|of which|that|which|who|with)\s+(?P<rest>[^?]+)",
    re.IGNORECASE,
)
SHOWN = r"(?:this|these|the (?:attached|given|shown|above))"
PICTURE = r"(?:picture|photo|photograph|image|drawing|painting|screenshot|scan|figure)"
DEICTIC = re.compile(
    rf"\bthe\s+(?P<noun>(?:[\w'’-]+\s+){{0,3}}?[\w'’-]+)\s+(?:(?:shown|seen|depicted|pictured)\s+)?(?:in|on)\s+{SHOWN}\s+"
    rf"{PICTURE}\b|\b{SHOWN}\s+(?!{PICTURE})(?P<thing>[\w'’-]+)\b",
    re.IGNORECASE,
)
NAMING = re.compile(
    rf"^(?:what|who|which\s+\w+)\s+(?:is|are|do you see|can be seen)\s+(?:it\s+)?"
    rf"(?:(?:shown|seen|depicted|pictured)\s+)?(?:in|on)?\s*{SHOWN}\s+{PICTURE}\b",
    re.IGNORECASE,
)
AUXILIARY = re.compile(r"\b(?:do|does|did)\s+$", re.IGNORECASE)
SECOND = re.compile(r",?\s+and\s+(?=(?:who|what|when|where|which|how|whose)\b)", re.IGNORECASE)
PRONOUN = re.compile(r"\b(its|their|his|her)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """A question that can be asked now. ``span``: what its answer replaces in the question that it came from.

    ``span`` is None for the question that is left when nothing else must be known. ``need``: what to search with.
    ``question``: the number of the question, where several were asked at once.
    """

    ask: str
    span: str | None = None
    need: Need = "text"
    question: int = 0


@dataclass(frozen=True)
class Comparison:
    """``Which N has the larger A, X or Y?``: two questions side by side, and who wins."""

    first: str
    second: str
    attribute: str
    less: bool
    asks: tuple[str, str] = field(default=("", ""))


def split(task: str) -> list[str]:
    """Return the questions of a task: "Who ..., and when ...?" are two. What is told before them is left out."""
    _, asked = statements(task)
    found: list[str] = []
    for question in asked or [task.strip()]:
        pieces = SECOND.split(question)
        found += [piece.strip().rstrip("?,. ") + "?" for piece in pieces if piece.strip()]
    return [piece[0].upper() + piece[1:] for piece in found]


def statements(task: str) -> tuple[list[str], list[str]]:
    """Return the sentences of a task that tell something, and those that ask."""
    found = sentences(task)
    asked = [sentence for sentence in found if sentence.endswith("?")]
    return [sentence for sentence in found if not sentence.endswith("?")], asked


def comparison(question: str) -> Comparison | None:
    """Return the comparison that a question is, None for any other."""
    match = COMPARED.match(question.strip())
    if match is None:
        return None
    attribute = match["attribute"].strip() or "value"
    first, second = match["first"].strip(), match["second"].strip()
    asks = (f"What is the {attribute} of {first}?", f"What is the {attribute} of {second}?")
    return Comparison(first, second, attribute, match["more"].lower() in LESS, asks)


def first_part(question: str, *, pictures: bool) -> Part:
    """Return what must be known first; the question itself when that is nothing.

    ``pictures``: whether the task came with any, so that "this flag" means something.
    """
    if pictures and NAMING.search(question):
        return Part(question, None, "picture")
    match = _last_clause(question)
    shown = DEICTIC.search(question) if pictures else None
    if match is not None:
        span, ask = match
        need: Need = "picture" if pictures and DEICTIC.search(span) else "text"
        if need == "text" or not _nested(span):
            return Part(ask, span, need)
    if shown is not None:
        noun = shown["noun"] or shown["thing"]
        ask = f"What is the {noun} in this picture?" if shown["noun"] else f"Which {noun} is this?"
        return Part(ask, shown[0], "picture")
    return Part(question)


def put(question: str, span: str, answer: str) -> str:
    """Return a question with an answer in the place of the phrase that it resolves."""
    return question.replace(span, answer, 1)


def with_reference(question: str, answer: str) -> str:
    """Return a second question with its pronoun resolved by the answer to the first ("its" becomes "Paris's")."""
    return PRONOUN.sub(f"{answer}'s", question, count=1)


def keywords(question: str) -> str:
    """Return the words of a question that say what it is about: another way to search."""
    return " ".join(
        word for word in re.findall(r"[\w'’.+-]+", question) if word.lower().strip("?.") not in STOP
    )


def _last_clause(question: str) -> tuple[str, str] | None:
    """Return the noun phrase with a clause that begins last, and the question that it is."""
    found: tuple[str, str] | None = None
    start = 0
    while (match := CLAUSE.search(question, start)) is not None:
        rest = _until_break(match["rest"])
        if AUXILIARY.search(question[: match.start()]) and " " in rest.strip():
            # "does the airport with the code LAX have": the last word is the question's own verb.
            rest = rest.strip().rpartition(" ")[0]
        noun = re.sub(r"^(?:only|one|first|same)\s+", "", match["noun"], flags=re.IGNORECASE)
        span = question[match.start() : match.start("rest") + len(rest)].rstrip(" ,.")
        found = span, _as_question(noun, match["link"].lower(), rest.rstrip(" ,."))
        start = match.start("link")
    return found


def _as_question(noun: str, link: str, rest: str) -> str:
    if link == "whose":
        attribute = re.match(r"(?P<name>[\w\s'’-]+?)\s+(?:is|was|are|were)\s+(?P<value>.+)$", rest)
        if attribute is not None:
            return f"Which {noun} has the {attribute['name']} {attribute['value']}?"
        return f"Whose {rest}, which {noun}?"
    if link in ("where", "in which"):
        return f"In which {noun} {_inverted(rest)}?"
    if link in ("on which", "at which", "for which", "of which"):
        return f"{link.split()[0].capitalize()} which {noun} {_inverted(rest)}?"
    if link == "with":
        return f"Which {noun} has {rest}?"
    return f"Which {noun} {rest}?"


def _inverted(clause: str) -> str:
    """Return "francium was discovered" as "was francium discovered"."""
    match = re.match(r"(?P<subject>.+?)\s+(?P<verb>is|was|are|were|has|had|can)\s+(?P<rest>.+)$", clause)
    return clause if match is None else f"{match['verb']} {match['subject']} {match['rest']}"


def _until_break(rest: str) -> str:
    """Return a clause up to where the sentence goes on without it."""
    return re.split(r",\s|\s(?:or|and)\s+(?:the|which|who|what)\b|;", rest, maxsplit=1)[0]


def _nested(span: str) -> bool:
    inner = CLAUSE.search(span)
    return inner is not None and CLAUSE.search(span, inner.start("link")) is not None
