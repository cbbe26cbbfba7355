"""How an English question is built: what must be known first, what can be asked side by side.

Rules of grammar, no model: the noun phrase with a clause that comes last ("the country whose capital is Lima") is a
question of its own, and its answer takes the phrase's place. So a chain of any length unrolls from its end, for models
that are too small to plan one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .spans import kind_of
from .words import STOP, sentences

Need: TypeAlias = Literal["text", "picture"]
_MORE = (
    "larger|largest|greater|greatest|higher|highest|bigger|biggest|more|most|longer|longest|later|latest|heavier|"
    "heaviest|older|oldest|taller|tallest"
)
_LESS = (
    "smaller|smallest|lower|lowest|less|least|fewer|fewest|shorter|shortest|earlier|earliest|lighter|lightest|younger|"
    "youngest"
)
LESS = frozenset(_LESS.split("|"))
_THAN = rf"(?P<more>{_MORE}|{_LESS})"
_ATTRIBUTE = r"(?:(?:in|by)\s+)?(?P<attribute>[\w\s]*?)"
_EITHER = r"(?P<first>.+?),?\s+or\s+(?P<second>.+?)"
_BOTH = r"(?P<first>.+?),?\s+(?:or|and)\s+(?P<second>.+?)"
_HAS = r"(?:has|have|had|is|was|are|were)\b\s+(?:the\s+)?"
# Two things and a comparative, in the orders that English has for them.
COMPARED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Which country has the larger area, X or Y?
        rf"^(?:which|what|who)\b[\w\s]*?\b{_HAS}{_THAN}\s*{_ATTRIBUTE}(?:,|:)\s*{_EITHER}\?*$",
        # Is the area of X or that of Y larger?
        r"^(?:is|was|are|were)\s+(?:the\s+)?(?P<attribute>[\w\s]+?)\s+of\s+(?P<first>.+?),?\s+or\s+"
        rf"(?:(?:that|those|the\s+\w+)\s+of\s+)?(?P<second>.+?)\s+(?:the\s+)?{_THAN}\?*$",
        # Which of X and Y has the larger area?
        rf"^(?:which|who|what)\b[\w\s]*?\bof\s+{_BOTH}\s+{_HAS}{_THAN}\s*{_ATTRIBUTE}\?*$",
        # Between X and Y, which one has the larger area?
        rf"^(?:between|of|from|comparing)\s+{_BOTH},\s*(?:which|who|what)\b[\w\s]*?\b{_HAS}{_THAN}\s*{_ATTRIBUTE}\?*$",
        # Does X or Y have the larger area?
        rf"^(?:does|do|did)\s+{_EITHER}\s+have\s+(?:the\s+|an?\s+)?{_THAN}\s*{_ATTRIBUTE}\?*$",
    )
)
# "the X whose Y", "the X in which Y", "the X with Y": the phrase from its article on.
# The noun itself holds no preposition: of "the capital of the country where", the country is meant.
_NOUN = r"(?!(?:of|in|on|at|for|to|from|by|the|a|an|and|or|is|was|are|were|that|which|who|with)\b)[\w'’-]+"
CLAUSE = re.compile(
    rf"\b(?P<article>the|a|an)\s+(?P<noun>(?:{_NOUN}\s+){{0,4}}?{_NOUN})\s+"
    r"(?P<link>whose|where|in which|on which|at which|for which|of which|that|which|who|with)\s+(?P<rest>[^?]+)",
    re.IGNORECASE,
)
# "the country bordering Peru", "the element discovered by Davy", "a car built in 1970".
PARTICIPLE = re.compile(
    rf"\b(?P<article>the|a|an)\s+(?P<noun>(?:{_NOUN}\s+){{0,4}}?{_NOUN})\s+"
    r"(?:(?P<doing>[a-z]{3,}ing)\s+(?P<rest>(?=the\b|an?\b|(?-i:[A-Z\d]))[^?]+)"
    r"|(?P<done>[a-z]{3,}ed|built|born|found|held|known|made|won|written)\s+"
    r"(?P<by>(?:(?:by|in|on|at|from|for|as|near|between|under|after|to)\b|(?-i:[A-Z\d]))[^?]+))",
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
# "Which country has this flag?", "Whose flag is this?": the picture itself answers.
SHOWN_BY = re.compile(
    rf"^(?:in |on )?(?:which|what|whose|who)\b[\w\s]*?\b(?:has|have|had|is|are|uses?|flies|shows|wears|owns)\s+"
    rf"(?:{SHOWN}\s+(?!{PICTURE})[\w'’-]+|this|these)\s*\?*$",
    re.IGNORECASE,
)
AUXILIARY = re.compile(r"\b(?:do|does|did)\s+$", re.IGNORECASE)
# "when was the element discovered in ...": the verb of the question, no clause of the noun.
PASSIVE = re.compile(r"\b(?:do|does|did|is|was|are|were|has|have|had)\s+$", re.IGNORECASE)
_VERB = re.compile(r"\s(?:is|was|are|were|has|have|had|does|did|can|will)\b")
ASKS_WHO = re.compile(r"(?:what|who)\s+(?:is|was|are|were)\s+", re.IGNORECASE)
SECOND = re.compile(r",?\s+and\s+(?=(?:who|what|when|where|which|how|whose)\b)", re.IGNORECASE)
PRONOUN = re.compile(r"\b(its|their|his|her)\b", re.IGNORECASE)
# "Take the country with this flag: what is its capital?"
ASKS_NOW = re.compile(r"(?<=[:;])\s+(?=(?:who|what|when|where|which|how|whose)\b)", re.IGNORECASE)


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
    found = [part for sentence in sentences(task) for part in ASKS_NOW.split(sentence)]
    asked = [sentence for sentence in found if sentence.endswith("?")]
    return [sentence for sentence in found if not sentence.endswith("?")], asked


def comparison(question: str) -> Comparison | None:
    """Return the comparison that a question is, None for any other."""
    match = next((m for form in COMPARED if (m := form.match(question.strip())) is not None), None)
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
    if pictures and (NAMING.search(question) or SHOWN_BY.search(question)):
        return Part(question, None, "picture")
    match = _last_clause(question)
    shown = DEICTIC.search(question) if pictures else None
    if match is not None:
        span, ask = match
        need: Need = "picture" if pictures and DEICTIC.search(span) else "text"
        if ASKS_WHO.fullmatch(question[: question.find(span)]) and question.rstrip(" ?.").endswith(span):
            # "What is the country whose capital is Lima?" asks for nothing else.
            return Part(ask, None, need)
        if need == "text" or not _nested(span):
            return Part(ask, span, need)
    if shown is not None:
        noun = shown["noun"] or shown["thing"]
        ask = f"What is the {noun} in this picture?" if shown["noun"] else f"Which {noun} is this?"
        return Part(ask, shown[0], "picture")
    return Part(question)


def noun_phrase(sentence: str) -> str | None:
    """Return the noun phrase with a clause that a sentence speaks of, None when it has none."""
    found = _last_clause(sentence)
    return found[0] if found is not None else None


def put(question: str, span: str, answer: str) -> str:
    """Return a question with an answer in the place of the phrase that it resolves."""
    return question.replace(span, answer, 1)


def with_reference(question: str, answer: str) -> str:
    """Return a second question with its pronoun resolved by the answer to the first ("its" becomes "Paris's")."""
    return PRONOUN.sub(f"{answer}'s", question, count=1)


def keywords(question: str) -> str:
    """Return the words of a question that say what it is about, but for its kind: another way to search."""
    kind = kind_of(question)
    found = [w.strip("?.") for w in re.findall(r"[\w'’.+-]+", question)]
    return " ".join(word for word in found if word and word.lower() not in STOP and word.lower() != kind)


def _last_clause(question: str) -> tuple[str, str] | None:
    """Return the noun phrase with a clause that begins last, and the question that it is."""
    found: tuple[str, str] | None = None
    start = 0
    while (match := CLAUSE.search(question, start)) is not None:
        start = match.start("link")
        rest = _own_verb(match["link"].lower(), _until_break(match["rest"]))
        if match["link"].lower().endswith("which") and " " not in rest.strip(" ?."):
            # "the capital of which country": no clause, the question's own words.
            continue
        whole = match["rest"].rstrip(" ?.,:;") == rest.rstrip(" ?.,:;")
        if whole and AUXILIARY.search(question[: match.start()]) and " " in rest.strip():
            # "does the airport with the code LAX need": the last word is the question's own verb.
            rest = rest.strip().rpartition(" ")[0]
        noun = _bare(match["noun"])
        span = question[match.start() : match.start("rest") + len(rest)].rstrip(" ,.")
        found = span, _as_question(noun, match["link"].lower(), rest.rstrip(" ,."))
    later = _last_participle(question)
    if later is None or (found is not None and question.rfind(found[0]) >= question.rfind(later[0])):
        return found
    return later


def _last_participle(question: str) -> tuple[str, str] | None:
    """Return the noun phrase with a participle that begins last, and the question that it is."""
    found: tuple[str, str] | None = None
    start = 0
    while (match := PARTICIPLE.search(question, start)) is not None:
        start = match.end("article")
        before = question[: match.start()]
        if match["done"] and PASSIVE.search(before):
            continue
        told = _until_break(match["rest"] or match["by"])
        if AUXILIARY.search(question[: match.start()]) and " " in told.strip():
            told = told.strip().rpartition(" ")[0]
        begin = match.start("rest") if match["rest"] else match.start("by")
        span = question[match.start() : begin + len(told)].rstrip(" ,.")
        verb = f"is {match['doing']}" if match["doing"] else f"was {match['done']}"
        found = span, f"Which {_bare(match['noun'])} {verb} {told.rstrip(' ,.')}?"
    return found


def _bare(noun: str) -> str:
    """Return a noun without what only says that there is one of it."""
    return re.sub(r"^(?:only|one|first|same)\s+", "", noun, flags=re.IGNORECASE)


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
    return re.split(r",\s|\s(?:or|and)\s+(?:the|which|who|what)\b|[;:]|\s\w+\s+which\s", rest, maxsplit=1)[0]


def _own_verb(link: str, rest: str) -> str:
    """Return a clause up to the verb of the sentence around it: "whose capital is Lima has one neighbour"."""
    verbs = list(_VERB.finditer(rest))
    mine = 0 if link == "with" else 1
    return rest[: verbs[mine].start()] if len(verbs) > mine and verbs[mine].start() else rest


def _nested(span: str) -> bool:
    inner = CLAUSE.search(span)
    return inner is not None and CLAUSE.search(span, inner.start("link")) is not None
