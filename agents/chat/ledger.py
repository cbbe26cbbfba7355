"""The ledger of standing instructions: what the user said once and wants from then on.

It is read anew of the user's own words, turn by turn, so nothing else can enter it: no page, document or tool, and no
reply of a model. Rules for English: a sentence stands when it says so ("from now on", "always", "in every answer").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

# What makes an instruction stand, hold for this turn alone, or end.
STANDS = re.compile(
    r"\b(from now on|from here on|always|never|until I say|as long as we talk|for the rest of|from this point"
    r"|(?:in|for|with) (?:all|each|every)(?: of)?(?: your| further| future| single)* (?:answers?|repl(?:y|ies)|responses?|messages?)"
    r"|(?:all|each|every)(?: of)?(?: your| further| future)* (?:answers?|repl(?:y|ies)|responses?)|every time|each time"
    r"|(?:no|not|n't)\b[^.!?]*\b(?:any ?more|again|any longer)|no longer)",
    re.IGNORECASE,
)
ONCE = re.compile(
    r"\b(just (?:this|for) once|only (?:this|for) once|this (?:one )?time|this once|for once|(?:in|for) this (?:answer|reply|one)(?: only| alone)?)\b",
    re.IGNORECASE,
)
ENDS = re.compile(
    r"\b(stop|you (?:can|may) stop|no need to|(?:don't|do not|needn't|need not)\b[^.!?]*\b(?:any ?more|any longer)|no longer"
    r"|you (?:can|may)\b[^.!?]*\bagain|(?:do not|don't) (?:have|need) to|(?:forget|ignore|disregard) (?:about )?(?:the|my|that|what|all|any|every)|drop the|never mind (?:the|about|my)|cancel the)\b",
    re.IGNORECASE,
)
# Who tells of himself or asks gives no instruction.
TELLS = re.compile(
    r"(?:I|we|he|she|they|it|my|our|there|people)\b(?! (?:want|would like|need|expect) (?:you|all|every))(?!'d like)",
    re.IGNORECASE,
)
ALL = re.compile(
    r"\b(?:all|everything|any)\b[^.!?]*\b(?:instructions?|rules?|asked|told|said)\b", re.IGNORECASE
)
TALKS_OF_RULES = re.compile(r"\b(?:instructions?|rules?)\b", re.IGNORECASE)

LANGUAGES = "Arabic|Chinese|Czech|Danish|Dutch|English|Finnish|French|German|Greek|Hindi|Hungarian|Italian|Japanese|Korean|Latin|Norwegian|Polish|Portuguese|Russian|Spanish|Swedish|Turkish|Ukrainian"
FOR_HOW_LONG = re.compile(r"\b(?:any|no) (?:longer|more)\b|\bas long as\b", re.IGNORECASE)
# What an instruction is about: of two about one thing the later one holds. The first that fits counts.
ABOUT: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        (
            "the end",
            r"\b(?:end|ending|finish|finishing|close|closing)\b[^.!?]*\bwith\b|\bat the end\b|\bthe (?:closing|last) word\b",
        ),
        (
            "the beginning",
            r"\b(?:start|starting|begin|beginning|open|opening)\b[^.!?]*\bwith\b|\bat the (?:beginning|start)\b|\bthe (?:opening|first) word\b",
        ),
        ("the language", rf"\b(?:in|to|speak|speaking|use|using) (?:{LANGUAGES})\b|\blanguage\b"),
        (
            "upper and lower case",
            r"\b(?:upper|lower|capital|small)(?:[- ]?case)?(?: letters?)?\b|\bcapitals\b|\ball caps\b",
        ),
        ("commas", r"\bcommas?\b"),
        ("lists", r"\b(?:bullets?|bulleted|lists?|numbered)\b"),
        ("how numbers are written", r"\b(?:digits?|numerals?|numbers?)\b"),
        ("brackets", r"\b(?:brackets?|parenthes[ei]s)\b"),
        (
            "the length",
            r"\b(?:sentences?|words|lines?|paragraphs?|short|shorter|brief|briefly|long|longer|concise|length)\b",
        ),
        ("the name", r"\b(?:call|address) me\b"),
        ("the tone", r"\b(?:formal|informal|polite|friendly|casual|tone|rude|funny)\b"),
    )
)
WORD = re.compile(r"""\bwords? ["'“”‘’]?(?P<word>[\w-]+)""", re.IGNORECASE)
QUOTED = re.compile(r"(?:```.*?(?:```|\Z))|(?:^>.*$)", re.DOTALL | re.MULTILINE)
SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=[\"'”’)]*(?:\s|$))[\"'”’)]*|$|\n)|[^.!?\n]+[.!?][^.!?\n]*")
RESTATED = "Keep to what I asked for before:"


@dataclass(frozen=True)
class Instruction:
    """What the user asked for: the sentence, the number of its turn (from 1), and what it is ``about``."""

    text: str
    turn: int
    about: str


@dataclass(frozen=True)
class Conflict:
    """Two instructions about one thing. ``once``: the later one is for its turn alone, then the earlier holds again."""

    earlier: Instruction
    later: Instruction
    once: bool = False

    @property
    def text(self) -> str:
        """A sentence that says which one holds, and why."""
        until = (
            "for this turn alone, because it was limited to it; then the earlier one holds again"
            if self.once
            else "because it was said later"
        )
        return (
            f"“{self.later.text}” (turn {self.later.turn}) goes against “{self.earlier.text}” (turn "
            f"{self.earlier.turn}), both about {self.later.about}: the later one holds, {until}."
        )


@dataclass(frozen=True)
class Ledger:
    """The instructions that hold in the last turn, oldest first, and the conflicts that this turn brought."""

    live: tuple[Instruction, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    once: tuple[Instruction, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, said: Iterable[str]) -> Ledger:
        """Return the ledger after turns; ``said`` are the user's own words in each, oldest first."""
        live: list[Instruction] = []
        ledger = cls()
        for number, text in enumerate(said, start=1):
            ledger = _after(live, text, number)
            live = [item for item in ledger.live if item not in ledger.once]
            live += [conflict.earlier for conflict in ledger.conflicts if conflict.once]
            live.sort(key=lambda item: item.turn)
        return ledger

    @property
    def restated(self) -> str:
        """What holds, as one line for a prompt; empty when nothing does. As a list, a small model repeats it."""
        return " ".join([RESTATED, *(item.text for item in self.live)]) if self.live else ""

    def dump(self) -> dict[str, Any]:
        """Return the ledger as plain JSON data."""
        return {
            "live": [asdict(item) for item in self.live],
            "conflicts": [conflict.text for conflict in self.conflicts],
        }


def _after(live: Sequence[Instruction], text: str, number: int) -> Ledger:
    """Return the ledger in the turn that says ``text``."""
    held, once = list(live), list[Instruction]()
    conflicts: list[Conflict] = []
    for sentence in sentences(text):
        about = about_of(sentence)
        if ENDS.search(sentence):
            gone = _ended(held, sentence, about)
            held = [item for item in held if item not in gone]
            if gone or not STANDS.search(sentence):
                continue
        limited = bool(ONCE.search(sentence))
        if not limited and (sentence.endswith("?") or not STANDS.search(sentence)):
            continue
        if TELLS.match(sentence):
            continue
        new = Instruction(sentence, number, about)
        before = [item for item in held if item.about == about]
        conflicts += [Conflict(item, new, limited) for item in before if item.text != sentence]
        held = [item for item in held if item not in before]
        held.append(new)
        if limited:
            once.append(new)
    return Ledger(tuple(held), tuple(conflicts), tuple(once))


def _ended(held: Sequence[Instruction], sentence: str, about: str) -> list[Instruction]:
    """Return the instructions that a sentence ends: all, those about its matter, or the last one."""
    if ALL.search(sentence):
        return list(held)
    same = [item for item in held if item.about == about]
    if not same and TALKS_OF_RULES.search(sentence):
        return list(held[-1:])
    return same


def sentences(text: str) -> list[str]:
    """Return the sentences of a turn, without code blocks and quoted lines: these are not what the user asks."""
    found = (" ".join(item.group(0).split()) for item in SENTENCE.finditer(QUOTED.sub(" ", text)))
    return [item for item in found if item]


def about_of(sentence: str) -> str:
    """Return what an instruction is about, so that a later one about the same thing can take its place."""
    matter = FOR_HOW_LONG.sub(" ", sentence)
    for name, pattern in ABOUT:
        if pattern.search(matter):
            return name
    if word := WORD.search(sentence):
        return f"the word {word['word'].casefold()!r}"
    return f"“{_bare(sentence)}”"


def _bare(sentence: str) -> str:
    """Return an instruction without what says how long it holds, so that ``stop ...`` finds it."""
    bare = ENDS.sub(" ", ONCE.sub(" ", STANDS.sub(" ", sentence)))
    return " ".join(re.findall(r"\w+", bare.casefold()))
