"""What can be typed: the values that the task itself names, and where each came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from .phrases import ACTS, PUTS, SEEKS

# A correction is what the user says of the task while it is done.
Source = Literal["task", "user", "correction", "memory", "page", "model", "secret", "upload"]
# Stands before a correction in the text of a task.
CORRECTION = "\nCorrection: "
# Words before what a correction puts aside ("Rome, not Paris"); no values by themselves.
ASIDE = r"(?:not|instead of|rather than)"

QUOTED = re.compile(
    r"\"([^\"]+)\"|„([^“”]+)[“”]|“([^”]+)”|«([^»]+)»|‹([^›]+)›|「([^」]+)」|『([^』]+)』|(?<!\w)'([^']+)'(?!\w)"
)
DATE = re.compile(r"\b\d{1,2}/\d{1,2}/\d{2,4}\b|\b\d{4}-\d{2}-\d{2}\b")
TIME = re.compile(r"\b\d{1,2}:\d{2}(?:\s?[AaPp]\.?[Mm])?(?!\w)")
EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w\b")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?![\w/:])")
_CAPITAL = "A-Z" + "".join(chr(code) for code in range(0xC0, 0x530) if chr(code).isupper())
NAME = re.compile(rf"\b[{_CAPITAL}][\w'-]*(?:\s+(?:of|the|and|de|la)?\s*[{_CAPITAL}][\w'-]*)*")
# German writes the names of fields large, too: "mit dem Namen Ada".
FIELD_NOUNS = frozenset(
    [
        "name",
        "namen",
        "vorname",
        "vornamen",
        "nachname",
        "nachnamen",
        "benutzername",
        "benutzernamen",
        "nutzername",
    ]
) | {
    "stadt",
    "ort",
    "straße",
    "land",
    "passwort",
    "kennwort",
    "adresse",
    "titel",
    "betreff",
    "firma",
    "datum",
    "uhrzeit",
}
# Where no spaces stand between words, a change of script does: kanji, katakana, hiragana (which joins them), others.
RUNS = re.compile(r"[\u3400-\u9fff々]+|[\u30a0-\u30ffー]+|[\u3040-\u309f]+|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_JOINS = re.compile(r"[\u3040-\u309f]+")
# "genre: comedy", "by Ashley", "named Tula", "from year 1973": the word after names a value.
AFTER = re.compile(
    r"\b(?:by|named?|called|for|as|to|is|year|genre|director|user|username|password|with|search|enter|type|from)\s+"
    r"(?:the\s+)?([^\s,.;:\"'()]+)",
    re.IGNORECASE,
)
GOES_ON = re.compile(r"\s*[,/–-]\s*")
WORD = re.compile(r"[^\W_][\w'-]*")
# Words that only hold a sentence together; they are never a value by themselves.
STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "click",
        "enter",
        "find",
        "for",
        "from",
        "go",
        "he",
        "her",
        "his",
        "in",
        "input",
        "into",
        "is",
        "it",
        "its",
        "like",
        "me",
        "my",
        "name",
        "named",
        "no",
        "of",
        "on",
        "or",
        "password",
        "please",
        "press",
        "search",
        "select",
        "send",
        "she",
        "submit",
        "text",
        "textbox",
        "textboxes",
        "that",
        "the",
        "their",
        "then",
        "this",
        "to",
        "type",
        "user",
        "username",
        "using",
        "value",
        "values",
        "was",
        "with",
        "word",
        "year",
        "you",
        "your",
        "box",
        "boxes",
        "button",
        "field",
        "fields",
        "form",
        "link",
        "list",
        "date",
        "time",
        "both",
        "hit",
        "first",
        "last",
        "item",
        "starts",
        "into",
    ]
)
VERBS = ACTS | SEEKS | PUTS
KINDS: Sequence[tuple[str, re.Pattern[str]]] = (
    ("date", DATE),
    ("time", TIME),
    ("email", EMAIL),
    ("number", NUMBER),
    ("name", NAME),
)


@dataclass(frozen=True)
class Value:
    """A text that can be typed.

    ``source`` says who said it. Of the task's values ``kind`` is how it was recognised, and ``cue`` the words just
    before it ("the password"). Of the user's answers ``kind`` is what was asked for, and ``cue`` the field's name.
    """

    text: str
    source: Source = "task"
    kind: str = "quoted"
    cue: str = ""

    @property
    def said(self) -> bool:
        """Whether the user said it in answer to a question, now or in an earlier run."""
        return self.source in ("user", "memory")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)


def values_in(task: str) -> list[Value]:
    """Return the values that a task names, the surest kinds first, each text once.

    Quoted text, dates, times, addresses, numbers, capitalised names, then words after words such as "by".
    Those of corrections come before all that was said earlier.
    """
    first, *later = task.split(CORRECTION)
    found = _named_in(first)
    for text in later:
        found = _amended(found, text)
    return found


def _amended(known: Sequence[Value], correction: str) -> list[Value]:
    """Return the values after a correction: its own first. What takes the place of another value is said of the same."""
    aside = [
        value
        for value in known
        if re.search(rf"\b{ASIDE}\s+[\"'“«]?{re.escape(value.text)}(?!\w)", correction, re.IGNORECASE)
    ]
    gone = {value.text for value in aside} | {"not", "instead", "rather", "than", "but"}
    new = [
        replace(value, source="correction", cue=aside[0].cue if aside else value.cue)
        for value in _named_in(correction)
        if value.text not in gone
    ]
    held = {value.text for value in new} | {value.text for value in aside}
    return [*new, *(value for value in known if value.text not in held)]


def _named_in(task: str) -> list[Value]:
    found: list[Value] = []
    rest = task
    for match in QUOTED.finditer(task):
        text = next(group for group in match.groups() if group)
        found.append(Value(text.strip(), kind="quoted", cue=_before(task, match.start())))
    rest = QUOTED.sub(lambda match: " " * len(match.group()), rest)
    for kind, pattern in KINDS:
        end, cue = -1, ""
        for match in pattern.finditer(rest):
            if kind == "name" and match.group().lower() in STOP:
                continue
            # "Salem, OR": what goes on after a comma is said of the same thing.
            cue = (
                cue
                if end >= 0 and GOES_ON.fullmatch(rest[end : match.start()])
                else _before(rest, match.start())
            )
            end, text = match.end(), match.group().strip()
            first, _, others = text.partition(" ")
            if kind == "name" and others and first.lower() in VERBS and _begins(rest, match.start()):
                # "Forward Ann": the verb is written large for opening its sentence.
                text, cue = others.strip(), first.lower()
            if kind == "name" and others and first.lower() in FIELD_NOUNS:
                text, cue = others.strip(), first.lower()
            found.append(Value(text, kind=kind, cue=cue))
        if kind in ("date", "time", "email"):
            # A date is one value, not three numbers as well.
            rest = pattern.sub(lambda match: " " * len(match.group()), rest)
    for match in AFTER.finditer(rest):
        if match.group(1).lower() not in STOP:
            found.append(Value(match.group(1), kind="word", cue=_before(rest, match.start(1))))
    if not any(value.kind == "quoted" for value in found):
        # Nothing is marked as a value: any word of the task may be one.
        for match in WORD.finditer(rest):
            if SPACELESS.search(match.group()):
                found += _runs_in(match.group())
            elif match.group().lower() not in STOP:
                found.append(Value(match.group(), kind="word", cue=_before(rest, match.start())))
    return _unique(found)


def typed(value: Value, states: Sequence[str]) -> str:
    """Return a value as a field takes it: a date field wants ``2026-11-23``, a time field ``14:05``."""
    if "date" in states and (match := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", value.text)):
        month, day, year = map(int, match.groups())
        return f"{year:04d}-{month:02d}-{day:02d}"
    if "time" in states and (match := re.fullmatch(r"(\d{1,2}):(\d{2})\s?([AaPp])?.*", value.text)):
        hour, minute = int(match[1]), match[2]
        if match[3]:
            hour = hour % 12 + (12 if match[3] in "Pp" else 0)
        return f"{hour:02d}:{minute}"
    return value.text


def tokens_of(text: str) -> list[str]:
    """Return all words of a text in lower case."""
    return re.findall(r"[^\W_]+", text.lower())


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without those that only hold it together."""
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in STOP]


def _runs_in(words: str) -> list[Value]:
    """Return the words of a text without spaces, each with the one before it: "名前に山田" names 山田, a 名前."""
    runs = [run for run in RUNS.findall(words) if not _JOINS.fullmatch(run)]
    return [Value(run, kind="word", cue=before) for before, run in zip(["", *runs], runs, strict=False)]


def _before(text: str, at: int) -> str:
    words = re.findall(r"[^\W_]+", text[:at])[-4:]
    pieces = (_JOINS.sub(" ", word) if SPACELESS.search(word) else word for word in words)
    return " ".join(" ".join(pieces).split()[-4:]).lower()


def _begins(text: str, at: int) -> bool:
    return re.search(r"(?:^|[.!?]\s)\s*$", text[:at]) is not None


def _unique(values: Iterable[Value]) -> list[Value]:
    kept: dict[str, Value] = {}
    for value in values:
        text = value.text.strip(" .,;:!?") if value.kind in ("name", "word") else value.text
        # The first word of a sentence is written large without being a name.
        if text and (value.kind != "name" or not _opens_sentence(value)):
            kept.setdefault(text, Value(text, value.source, value.kind, value.cue))
    return list(kept.values())


def _opens_sentence(value: Value) -> bool:
    return value.cue == "" and " " not in value.text
