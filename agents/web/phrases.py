"""What a task's sentences name: the thing to act on, and the words that tell which one is meant. English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ACTS = """click press tap hit push choose select pick open check tick focus delete remove forward send reply book
    buy order reserve star mark give cancel archive follow unfollow download visit copy show answer"""
_FINAL = "delete remove send forward reply buy order book pay reserve cancel unsubscribe transfer"
ACTS = frozenset(_ACTS.split())
# Verbs that lead to the thing without saying what is done to it: only the object counts.
SEEKS = frozenset({"find", "search", "look", "locate", "navigate", "go", "expand"})
# Verbs that begin a clause of their own, about what is put in.
PUTS = frozenset({"type", "enter", "paste", "fill", "write", "submit", "put", "use", "mark"})
# What can't be taken back when it hits the wrong thing.
FINAL = frozenset(_FINAL.split())
# Verbs with a receiver, who is not the thing itself.
GIVES = frozenset({"send", "forward", "give", "reply"})

# Nouns by the kind of element that they stand for.
_NOUNS = {
    "button": "button buttons",
    "link": "link links",
    "tab": "tab tabs",
    "section": "section sections",
    "checkbox": "checkbox checkboxes",
    "box": "box boxes",
    "option": "option options choice choices radio",
    "item": "item items entry entries",
    "field": "field fields textbox textboxes input inputs textarea textareas area areas",
    "shape": "shape shapes figure figures point points coordinate coordinates",
    "widget": "widget widgets element elements control controls one",
    "thing": """email emails e-mail mail mails message messages post posts result results flight flights file files
        folder folders product products article articles contact contacts user users row rows person hotel hotels
        book books movie movies song songs photo photos event events task tasks offer offers ticket tickets""",
    "colour": "color colors colour colours",
}
KINDS: dict[str, str] = {noun: kind for kind, nouns in _NOUNS.items() for noun in nouns.split()}
# Places, which are not the thing: "in the dialog box", "from the drop-down list".
PLACES = re.compile(
    r"\b(dialog box(?:es)?|scroll list|drop-?down(?: list| menu)?|file tree|pie menu|(?:text )?area below|inbox|"
    r"web ?page|page|screen|window|paragraph|table|list|menu|slider|spinner|terminal)\b",
    re.IGNORECASE,
)
_GENERIC = """a an the this that these those it its them him her their your my me you i we us one ones some any certain
    particular specific right of on in into onto at to from by for with within inside between through among and or
    then please can could would should must need want like to is are be was were there here now next after when
    text scroll drop down input colored coloured one-way file folder tree grid search pie dialog both all every each
    other new named called labeled labelled marked titled written sent got received sender who which
    finally also just do done use using below above"""
# Words that are said of any thing, so that they tell nothing of which one is meant.
GENERIC = frozenset(_GENERIC.split())
FREE = re.compile(
    r"\b(any|random|whichever|whatever|either|no matter which|does not matter|doesn't matter)\b", re.I
)
ALL = re.compile(r"\b(all|both|every|each|everything)\b", re.IGNORECASE)
SOME = re.compile(r"\b(some|a few|several|a number of)\s+(?:of the\s+)?([a-z-]+s)\b", re.IGNORECASE)
VAGUE = re.compile(
    r"\b(?:one of (?:the|these|those|my)|a certain|a particular|a specific|one)\s+((?:[a-z-]+\s+){0,2}?[a-z-]+)\b",
    re.I,
)
# Words after which stands what tells which one is meant.
_RESTRICTS = "from by named called labeled labelled titled about with saying ending starting containing"
RESTRICTS = frozenset(_RESTRICTS.split())

QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»")
# Stands for a space in what is quoted while a task is split.
_INSIDE = "\ue000"
_TOKEN = re.compile(
    r"\"[^\"]*\"|“[^”]*”|«[^»]*»|@\w+|#\d+|\([-\d ,]+\)|\d[\d/:.,]*(?:st|nd|rd|th)?|[^\W_][\w'’>-]*|[^\s\w]+"
)
_ENDS = re.compile(r"(?<=[.!?;])\s+|,?\s+(?:and\s+)?then\s+|;\s*")
_TOPIC = re.compile(r"\s*(?:for|in|on|at|from|of|among|with|as)\b", re.IGNORECASE)
_VERB = "|".join(sorted(ACTS | SEEKS | PUTS, key=len, reverse=True))
_JOINS = re.compile(rf",?\s+and\s+(?=(?:{_VERB})\b)|,\s+(?=(?:to\s+)?(?:{_VERB})\b)|,\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Mention:
    """A thing that a task wants acted on.

    ``verb`` is what is done, ``noun`` the word for the thing, ``kind`` what that stands for (a value of ``KINDS``).
    ``told`` are the words that tell which one: names, quotes, numbers, and whatever else is not said of every thing
    (``quoted``: those in quotes);
    ``topic`` those of a clause before ("For the user @ann,"). ``whose`` is what the thing is said to belong to without
    saying which ("of a user"). ``vague``: "one of the", "a certain". ``number`` is the word of an open amount ("posts").
    """

    verb: str
    noun: str
    kind: str
    told: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()
    topic: tuple[str, ...] = ()
    whose: str = ""
    definite: bool = True
    vague: bool = False
    number: str = ""

    @property
    def final(self) -> bool:
        """Whether the wrong thing can't be made good."""
        return self.verb in FINAL


def mentions(task: str) -> list[Mention]:
    """Return the things that a task wants acted on, in its order; none for what it leaves free or wants all of."""
    topic: tuple[str, ...] = ()
    found = []
    for clause in _clauses(task):
        words = _TOKEN.findall(clause)
        verbs = [i for i, word in enumerate(words) if word.lower() in ACTS | SEEKS]
        if not verbs:
            topic = (*topic, *_telling(words)) if _TOPIC.match(clause) else topic
            continue
        mention = _mention(clause, words, verbs, topic)
        if mention is not None:
            found.append(mention)
    return found


def vague_nouns(task: str) -> list[str]:
    """Return the nouns of which the task says "one of the" or "a certain" without telling which."""
    return [match[1].lower() for match in VAGUE.finditer(_unquoted(task))]


def singular(noun: str) -> str:
    """Return a noun without its plural ending."""
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if noun.endswith(("xes", "ses", "ches", "shes")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def _clauses(task: str) -> Iterator[str]:
    # What is quoted is one word, whatever stands in it.
    whole = QUOTED.sub(lambda match: re.sub(r"\s", _INSIDE, match.group()), task)
    for sentence in _ENDS.split(whole):
        yield from (part.replace(_INSIDE, " ") for part in _JOINS.split(sentence) if part.strip())


def _mention(clause: str, words: list[str], verbs: list[int], topic: tuple[str, ...]) -> Mention | None:
    acts = [i for i in verbs if words[i].lower() in ACTS]
    start = (acts or verbs)[0]
    verb, tail = words[start].lower(), words[start + 1 :]
    if verb in GIVES:
        # What is quoted is written to somebody; it does not tell which thing is meant.
        tail = [word for word in tail if word[0] not in '"“«']
    plain = _unquoted(" ".join(tail))
    if FREE.search(plain):
        return None
    noun, at = _object(tail)
    before = [word.lower() for word in tail[max(at - 4, 0) : at]]
    if not noun or {"that", "this", "those", "these"} & set(before[-1:]):
        # "that email" is one that was told of before.
        return None
    some = SOME.search(plain)
    whose = re.search(r"\b(?:of|by|from|for) (?:an?|some|one|a certain) ([a-z]+)\W*$", plain, re.IGNORECASE)
    vague = bool(VAGUE.search(plain)) or bool(whose)
    if (ALL.search(plain) or (verb in SEEKS and noun.endswith("s"))) and not vague:
        return None
    return Mention(
        verb,
        singular(noun),
        KINDS[noun],
        tuple(word for word in _told(tail, verb) if not (whose and word[0].isdigit())),
        tuple(word.strip('"“”«»') for word in tail if word[0] in '"“«' and len(word) > 2),
        (*topic, *_telling(words[:start])),
        whose[1].lower() if whose else "",
        not {"a", "an"} & set(before),
        vague,
        some[2].lower() if some else "",
    )


def _object(tail: list[str]) -> tuple[str, int]:
    """Return the first noun of a kind that is no place, and where it stands."""
    plain = PLACES.sub(lambda match: match.group().replace(" ", "_"), " ".join(tail))
    words = _TOKEN.findall(plain)
    for at, word in enumerate(words):
        noun = word.lower().strip(".,:;'")
        # "The blue one" is a thing, "one of" and a button called ONE are not.
        if noun in KINDS and (noun != "one" or (word == "one" and _described(words, at))):
            return noun, min(at, len(tail))
    return "", 0


def _described(words: list[str], at: int) -> bool:
    """Say whether a "one" stands for a thing: "the blue one", not "one of" nor "of one colour"."""
    before = [word.lower() for word in words[:at]]
    return (
        "the" in before[-3:-1] and before[-1] not in ("of", "for", "the") and words[at + 1 : at + 2] != ["of"]
    )


def _told(tail: list[str], verb: str) -> tuple[str, ...]:
    """Return the words that tell which thing is meant: those that restrict it, else all that are not generic."""
    restricting, numbers = [], []
    for at, word in enumerate(tail):
        previous = tail[at - 1].lower() if at else ""
        if _receiver(verb, previous, word):
            continue
        if word[0] in '"“«@#(' or re.search(r"['’]s?$", word) or previous in RESTRICTS:
            restricting += _telling([word])
        elif word[0].isdigit():
            numbers.append(word)
    if restricting:
        return (*restricting, *numbers)
    kept = [w for i, w in enumerate(tail) if not (i and _receiver(verb, tail[i - 1].lower(), w))]
    return _telling(kept)


def _receiver(verb: str, previous: str, word: str) -> bool:
    return verb in GIVES and previous == "to" and not re.search(r"['’]s?$", word)


def _telling(words: list[str]) -> tuple[str, ...]:
    """Return the words that are not said of every thing: no verbs of acting, no kinds, no words that hold together."""
    text = PLACES.sub(" ", " ".join(words))
    found = []
    for word in _TOKEN.findall(text):
        bare = re.sub(r"['’]s?$", "", word.strip("\"“”«»(),.;:!?'"))
        lowered = bare.lower()
        generic = lowered in GENERIC or lowered in ACTS | SEEKS | PUTS or lowered in KINDS
        shouted = len(bare) > 1 and bare.isupper()
        if bare and (word[0] in '"“«@#' or shouted or not generic):
            found.append(bare)
    return tuple(found)


def _unquoted(text: str) -> str:
    return QUOTED.sub("…", text)
