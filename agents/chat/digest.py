"""The digest of a conversation: what its earlier turns came to, in lines, extended and never made anew.

Made by rules, for English, of what was said: facts, decisions, open questions, pictures, what was asked and answered.
Standing instructions are not in it: the ledger holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from agentkit.content import Message, Text
from agentkit.toolset.context import picture_name

from ...memory.entry import Trust, normal
from ...memory.surprise import said as stated
from . import past
from .ledger import ENDS, STANDS, sentences

Kind = Literal["fact", "decision", "open", "picture", "asked"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# What goes last when there is no room.
WORTH: Mapping[str, int] = {"fact": 3, "decision": 3, "open": 2, "picture": 2, "asked": 1}

LONGEST = 160
MOST_OF_A_TURN = 4
# The record itself is bounded, too: what it loses is still found by nearness.
TOKENS = 2000
CHARACTERS_A_TOKEN = 3

SMALL_TALK = re.compile(
    r"\W*(?:hi|hello|hey|thanks?(?: you)?(?: very much| a lot)?|ok(?:ay)?|great|cool|good (?:morning|evening|night|day)|bye"
    r"|yes|no|sure|fine|please|never mind)\W*",
    re.IGNORECASE,
)
DECIDES = re.compile(
    r"\b(?:let's|we(?:'ll| will| decided| agreed| settled)|I(?:'ll| will) (?:take|go|choose|have|book|buy)"
    r"|I(?:'ve| have)? (?:decided|chosen|settled)|go(?:ing)? with|agreed|the decision)\b",
    re.IGNORECASE,
)
TELLS_FACT = re.compile(
    r"\b(?:I|my|mine|we|our|ours)\b|\b(?:is|are|was|were|has|have|costs?|lives?|works?|begins?|starts?|ends?)\b"
    r"|\b(?:remember|keep in mind|don't forget|note) that\b",
    re.IGNORECASE,
)
ORDERS = re.compile(
    r"(?:please\b|(?:can|could|would|will) you\b|(?:tell|write|show|give|find|explain|translate|make|list|describe|"
    r"compare|summari[sz]e|rewrite|open|go to|click|look|search|say|count|read|name|help|suggest|draw|correct)\b)",
    re.IGNORECASE,
)
UNSURE = re.compile(
    r"\((?:This failed|stopped)|\b(?:I (?:do not|don't) know|I(?:'m| am) not sure|I can(?:not|'t) (?:tell|say|answer|see))\b",
    re.IGNORECASE,
)
HEAD = "Earlier in this conversation:"
NOT_ABOUT = frozenset(
    re.findall(
        r"\w+",
        "a about all am an and any are as at be but by can could did do does for from had has have how i if in is it its "
        "me my not of on one or our please she should so tell than that the their them then there these they this to was "
        "we were what when where which who why will with would you your picture photo image pictures photos s m t ve ll",
    )
)


@dataclass(frozen=True)
class Line:
    """One thing that an earlier turn (its number, from 1) came to.

    ``about``: what a fact tells of, where that is known: a later one takes its place. ``pictures`` are digests.
    """

    turn: int
    kind: Kind
    text: str
    trust: Trust = "trusted"
    about: str = ""
    pictures: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The line for a prompt."""
        head = {"open": "not answered yet: ", "decision": "decided: "}.get(self.kind, "")
        return f"- {head}{self.text}"

    @property
    def tokens(self) -> int:
        """How many tokens it takes, roughly."""
        return len(self.shown) // CHARACTERS_A_TOKEN + 2


@dataclass(frozen=True)
class Digest:
    """What the first ``upto`` turns came to: lines, oldest first. ``by`` wrote them last: rules, or a model."""

    upto: int = 0
    lines: tuple[Line, ...] = ()
    by: str = "rules"

    @classmethod
    def load(cls, data: Mapping[str, Any] | None, upto: int) -> Digest:
        """Return the digest of ``dump``; an empty one of None."""
        if data is None:
            return cls()
        lines = (Line(**{**line, "pictures": tuple(line["pictures"])}) for line in data["lines"])
        return cls(upto, tuple(lines), data["by"])

    def dump(self) -> dict[str, Any]:
        """Return the digest as plain JSON data."""
        return {
            "by": self.by,
            "lines": [asdict(line) | {"pictures": list(line.pictures)} for line in self.lines],
        }

    def extended(self, upto: int, lines: Iterable[Line], by: str = "rules") -> Digest:
        """Return the digest with the lines of the turns up to ``upto``.

        What is said again, told otherwise, or answered meanwhile is no longer in it; beyond ``TOKENS`` the lines
        of least worth go, the oldest first.
        """
        kept = list(self.lines)
        for line in lines:
            kept = [other for other in kept if not _replaces(line, other)]
            kept.append(line)
        return Digest(upto, shrunk(kept, TOKENS), by)

    def within(self, tokens: int, before: int | None = None) -> tuple[Line, ...]:
        """Return the lines that fit into so many tokens; only of turns below ``before`` if it is given."""
        lines = [line for line in self.lines if before is None or line.turn < before]
        return shrunk(lines, tokens)


def shrunk(lines: Sequence[Line], tokens: int) -> tuple[Line, ...]:
    """Return the lines of most worth that fit, in their order; of equal worth the newest stay."""
    order = sorted(range(len(lines)), key=lambda i: (-WORTH[lines[i].kind], -lines[i].turn, -i))
    kept, room = set[int](), tokens
    for place in order:
        room -= lines[place].tokens
        if room < 0:
            break
        kept.add(place)
    return tuple(line for place, line in enumerate(lines) if place in kept)


def condense(turn: Sequence[Mapping[str, Any]], number: int) -> list[Line]:
    """Return what a turn (its dumped messages) came to, by rules. What the user did not say keeps its trust mark."""
    asked = "\n".join(past.said(turn))
    replied, trust = past.replied(turn)
    lines: list[Line] = []
    question = ""
    for sentence in sentences(asked):
        if SMALL_TALK.fullmatch(sentence) or STANDS.search(sentence) or ENDS.search(sentence):
            continue
        if sentence.endswith("?") or ORDERS.match(sentence):
            question = question or sentence
        elif len(lines) < MOST_OF_A_TURN and (kind := _kind(sentence)):
            lines.append(Line(number, kind, clipped(sentence), about=_about(sentence)))
    first = next(iter(sentences(replied)), "")
    if pictures := tuple(past.pictures_in(turn)):
        names = ", ".join(map(picture_name, pictures))
        text = clipped(f"showed picture {names}: “{question or asked}”", LONGEST) + _then(first)
        lines.append(Line(number, "picture", text, trust, pictures=pictures))
    elif question and (not replied or UNSURE.search(replied)):
        lines.append(Line(number, "open", clipped(question)))
    elif question:
        lines.append(Line(number, "asked", f"asked “{clipped(question)}”{_then(first)}", trust))
    if first and replied.rstrip().endswith("?") and not UNSURE.search(replied):
        lines.append(Line(number, "open", f"you asked back “{clipped(sentences(replied)[-1])}”", trust))
    return lines


def texts_of(lines: Sequence[Line]) -> list[Text]:
    """Return the lines for a prompt: what is not trusted apart from the rest, and marked."""
    parts = []
    for trust in ("trusted", "untrusted"):
        told = [line.shown for line in lines if line.trust == trust]
        if told:
            parts.append(Text("\n".join([HEAD, *told]), "observation", trust))
    return parts


def clipped(text: str, longest: int = LONGEST) -> str:
    """Return a text in one line, without what is too long of it."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def content_words(text: str) -> set[str]:
    """Return the words of a text that say what it is about, without plural endings."""
    found = (word.casefold() for word in re.findall(r"\w+", text))
    return {_stem(word) for word in found if word not in NOT_ABOUT and (len(word) > 1 or word.isdigit())}


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _kind(sentence: str) -> Kind | None:
    if DECIDES.search(sentence):
        return "decision"
    return "fact" if TELLS_FACT.search(sentence) else None


def _about(sentence: str) -> str:
    found = stated(Message.user(Text(sentence, "query")))
    return normal(found[0].attribute) if found else ""


def _then(reply: str) -> str:
    return f": {clipped(reply)}" if reply else ""


def _replaces(new: Line, old: Line) -> bool:
    if normal(new.text) == normal(old.text) and new.kind == old.kind:
        return True
    if new.about and new.about == old.about:
        return True
    if old.kind == "open" and new.kind == "asked" and new.turn > old.turn:
        wanted = content_words(old.text)
        return bool(wanted) and len(wanted & content_words(new.text)) >= 0.6 * len(wanted)
    return False
