"""What is missing: a field that the task demands or its form requires, and no value for it in the task or an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...tools.browser import Element, Snapshot
from .candidates import NAMELESS, Candidate, about, answers, field_name, speaks_of, values_for
from .given import secrets_for
from .page import TEXT_FIELDS, is_text_field
from .phrases import KINDS, singular, vague_nouns
from .values import Value, tokens_of

# Words by which a task demands that something be put into a field, and words for a field that has no name.
DEMANDS = re.compile(
    r"\b(enter|type|fill|write|(?<!text )input(?! (?:text|box|field))|set|search|log ?in|sign ?in|sign ?up|register|put|answer)\b",
    re.IGNORECASE,
)
CHOOSES = re.compile(r"\b(select|choose|pick|set)\b", re.IGNORECASE)
A_FIELD = re.compile(r"\b(text ?fields?|text ?box(es)?|input|text|fields?|form)\b", re.IGNORECASE)
A_LIST = re.compile(r"\b(list|drop-?down|option|item|menu)\b", re.IGNORECASE)
A_NUMBER = re.compile(r"\b(value|number|amount|quantity)\b", re.IGNORECASE)
# The page says what is to be entered: it is read, copied, computed or guessed.
SETTLED = re.compile(
    r"\b(your answer|the answer|the result|value of|cop(?:y|ies)|paste|guess|solve|calculate|compute|type (?:that|it)|"
    r"enter (?:that|it)|(?:text|words?|numbers?|value|code|letters?|characters?|sentence|name|date) "
    r"(?:below|above|shown|displayed|from|in|of))\b",
    re.IGNORECASE,
)
DATE_WORDS = frozenset(["date", "day", "when", "birthday", "birth", "deadline"])
A_DATE = re.compile(
    r"\b(?:(?:19|20)\d\d|\d{1,2}(?:st|nd|rd|th)?\.? (?:of )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*|"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w* \d{1,2}|today|tonight|tomorrow|"
    r"(?:next|this|on) (?:week|month|(?:mon|tues|wednes|thurs|fri|satur|sun)day))\b",
    re.IGNORECASE,
)
PASSWORD = re.compile(r"\b(?:password|passcode|passphrase|pin|code)\b", re.IGNORECASE)
A_TIME = re.compile(r"\b(?:\d{1,2} ?[ap]\.?m|noon|midnight|o'clock)\b", re.IGNORECASE)
# A button's name is no act: "press login", "the Sign in link".
PRESSED = re.compile(
    r"\b(?:click|press|hit|tap)\s+(?:on\s+)?(?:the\s+)?[\"“]?[\w ]*?(?:log|sign) ?in\b", re.IGNORECASE
)
# What an act needs to be done at all, by words of the fields that hold it.
NEEDS: Sequence[tuple[re.Pattern[str], frozenset[str]]] = tuple(
    (re.compile(pattern, re.IGNORECASE), frozenset(words.split()))
    for pattern, words in (
        (r"\b(?:log|sign) ?in\b", "username user login email password passcode"),
        (r"\b(?:forward|send)\b", "to recipient recipients"),
        (r"\breply\b", "reply message text body"),
        (
            r"^(?=.*\bbook\b).*\b(?:flight|train|trip|bus|ferry|ticket)s?\b",
            "from to origin destination departure date",
        ),
    )
)
MAX_CHOICES = 12


@dataclass(frozen=True)
class Gap:
    """Something that nobody named: a value of a field, or which of several things is meant.

    ``field`` is what it is called, ``element`` what it is filled into (``readings``: the elements that could be meant).
    ``doubt`` is how likely, and how bad, a guess is to be wrong: 1 for a value that can't be guessed. ``sending`` says
    that it only matters when the form is sent. ``final``: what is done with it can't be undone. ``called`` is what the task
    calls it, where that is not the field's name.
    """

    field: str
    element: str
    choices: tuple[str, ...] = ()
    why: str = ""
    readings: tuple[str, ...] = ()
    doubt: float = 1.0
    sending: bool = False
    final: bool = False
    called: str = ""

    def question(self) -> dict[str, Any]:
        """Return the question to the user, as arguments of ``ask_user``."""
        what = (self.called or self.field).strip(" :*")
        text = f"Which {what}?" if self.choices or self.readings else f"What should be entered as {what!r}?"
        why = self.why or f"The task needs a value for the field {what!r} of this page and names none."
        return {"text": text, "missing": what, "choices": list(self.choices), "why": why}


def gaps(task: str, snapshot: Snapshot, values: Sequence[Value]) -> list[Gap]:
    """Return the fields that the task demands (or their form requires) and names no value for.

    A field counts as demanded when the task speaks of entering something and of this field (by a word of its name,
    or as "the text field" when it is the page's only one or has no name of its own), or when what the task wants done
    needs it ("log in": a password). It has a value when the task or the user gave one that could go into it, when the
    page says what it is to be, and when it already holds one. A field that repeats another is no gap of its own.
    """
    found = [
        *_texts(task, snapshot, values),
        *_lists(task, snapshot, values),
        *_numbers(task, snapshot, values),
        *_groups(task, snapshot, values),
    ]
    kept: dict[frozenset[str], Gap] = {}
    for gap in found:
        kept.setdefault(about(gap.field), gap)
    return list(kept.values())


def concerns(gap: Gap, choice: Candidate | None, snapshot: Snapshot) -> bool:
    """Say whether a gap bears on a choice: what one form requires does not keep another from being sent."""
    if not gap.sending or choice is None or choice.element not in snapshot or gap.element not in snapshot:
        return True
    sent, field = snapshot.get(choice.element or ""), snapshot.get(gap.element)
    own = sent.owner and (sent.submits or choice.kind == "press")
    return not own or (sent.frame, sent.owner) == (field.frame, field.owner)


def _texts(task: str, snapshot: Snapshot, values: Sequence[Value]) -> Iterator[Gap]:
    fields = [element for element in snapshot.elements if _takes_text(element)]
    for element in fields:
        if element.value or _has_value(task, element, values, snapshot):
            continue
        if _demanded(task, element, fields, values):
            vague = next(iter(vague_nouns(task)), "")
            yield Gap(
                field_name(element), element.id, called="" if _shares(task, element) else singular(vague)
            )
        elif "required" in element.states:
            why = f"The form can't be sent without a value for {field_name(element)!r}, and the task names none."
            yield Gap(field_name(element), element.id, why=why, sending=True)


def _takes_text(element: Element) -> bool:
    # A calendar fills a field in that no text can be typed into.
    return is_text_field(element) or (
        element.role in TEXT_FIELDS
        and element.value == ""
        and "readonly" in element.states
        and _is_date(element)
    )


def _demanded(task: str, element: Element, fields: Sequence[Element], values: Sequence[Value]) -> bool:
    named = about(element.name)
    done = PRESSED.sub(" ", task)
    if any(pattern.search(done) and named & words for pattern, words in NEEDS):
        return True
    if SETTLED.search(task) and not vague_nouns(task):
        return False
    if _is_date(element) and "readonly" in element.states:
        return bool(CHOOSES.search(task) or DEMANDS.search(task)) and _shares(task, element)
    if not DEMANDS.search(task):
        return False
    if _shares(task, element) or set(tokens_of(task)) & set(element.states) & {"date", "time", "email"}:
        return True
    alone = len(fields) == 1
    if A_FIELD.search(task) and (alone or NAMELESS.match(element.name)):
        return True
    return alone and all(value.kind == "word" for value in values if not value.said)


def _lists(task: str, snapshot: Snapshot, values: Sequence[Value]) -> Iterator[Gap]:
    lists = [element for element in snapshot.elements if element.options and "disabled" not in element.states]
    spoken = [element for element in lists if _shares(task, element)]
    for element in lists:
        options = tuple(option for option in element.options if option.strip())
        if _names(task, options) or any(value.said and value.text in options for value in values):
            continue
        demanded = CHOOSES.search(task) and (element in spoken or (A_LIST.search(task) and len(lists) == 1))
        required = "required" in element.states and not element.value
        if (demanded or required) and not any(answers(value, element) for value in values):
            yield Gap(field_name(element), element.id, options[:MAX_CHOICES], sending=not demanded)


def _groups(task: str, snapshot: Snapshot, values: Sequence[Value]) -> Iterator[Gap]:
    """Yield the groups of radio buttons that a form can't be sent without, and of which the task names none."""
    groups: dict[tuple[str, str], list[Element]] = {}
    for element in snapshot.elements:
        if element.role == "radio" and "disabled" not in element.states:
            groups.setdefault((element.frame, element.group), []).append(element)
    for (_, name), radios in groups.items():
        states = {state for radio in radios for state in radio.states}
        options = tuple(radio.name for radio in radios if radio.name.strip())
        if "required" not in states or "checked" in states or _names(task, options):
            continue
        if not any(value.said and value.text in options for value in values):
            why = f"The form can't be sent without one of these for {name!r}, and the task names none."
            ids = tuple(radio.id for radio in radios)
            yield Gap(name or "choice", ids[0], options[:MAX_CHOICES], why, ids, sending=True)


def _names(task: str, options: Sequence[str]) -> bool:
    """Say whether a task names one of the options of a choice."""
    lowered = task.lower()
    return any(re.search(rf"(?<!\w){re.escape(option.lower())}(?!\w)", lowered) for option in options)


def _numbers(task: str, snapshot: Snapshot, values: Sequence[Value]) -> Iterator[Gap]:
    """Yield the spinner or slider that the task speaks of without a number; where it stands now is not the user's."""
    dials = [e for e in snapshot.elements if e.role in ("spinbutton", "slider") or "slider" in e.name.lower()]
    told = any(value.kind == "number" or value.said for value in values)
    settled = SETTLED.search(task) and not vague_nouns(task)
    if len(dials) == 1 and CHOOSES.search(task) and A_NUMBER.search(task) and not told and not settled:
        yield Gap("value", dials[0].id)


def _is_date(element: Element) -> bool:
    return "date" in element.states or bool(DATE_WORDS & set(tokens_of(element.name)))


def _shares(task: str, element: Element) -> bool:
    named = tokens_of(element.name) + (["year"] if _is_date(element) else [])
    return any(len(word) > 2 and word in set(tokens_of(task)) for word in named)


def _has_value(task: str, element: Element, values: Sequence[Value], snapshot: Snapshot) -> bool:
    """Say whether some value could be this field's: one that speaks of it, or a sure one that speaks of no other."""
    if any(answers(value, element) for value in values):
        return True
    if any(set(tokens_of(noun)) & about(element.name) for noun in vague_nouns(task)):
        return False
    # The name of a button to press is nothing to type.
    names = {other.name for other in snapshot.elements if not _takes_text(other)}
    told = [value for value in values if not value.said and value.text not in names]
    if _is_date(element):
        return bool(A_DATE.search(task)) or any(value.kind == "date" for value in told)
    if "time" in element.states and A_TIME.search(task):
        return True
    if "password" in element.states and not PASSWORD.search(task):
        # 'Sign in as "ada"' names no password, whatever else it quotes.
        return bool(secrets_for(snapshot, element, told))
    own = about(element.name)
    # Of mere words only the one right after the field's name is its value: "genre comedy", and no "search result".
    words = [v for v in told if v.kind == "word" and v.text.lower() not in KINDS]
    if any(v.cue.split()[-1:] and v.cue.split()[-1] in own for v in words):
        return True
    own_to_it = [value for value in told if value.kind != "word" and not _of_another(value, element)]
    sure = [value for value in own_to_it if not set(tokens_of(value.text)) <= own]
    others = [other for other in snapshot.elements if _takes_text(other) and other.id != element.id]
    held = {other.value for other in others}
    dated = any(_is_date(other) for other in others)
    for value in values_for(snapshot, element, sure):
        if speaks_of(value, element):
            return True
        elsewhere = value.text in held or (dated and value.kind == "date")
        if not elsewhere and not any(speaks_of(value, other) for other in others):
            return True
    return False


def _of_another(value: Value, element: Element) -> bool:
    """Say whether the words around a value give it another part than this field's: whose it is, or where from."""
    before = value.cue.split()[-1:]
    from_whom = before in (["from"], ["by"], ["of"]) or value.text.endswith(("'s", "’s"))
    return from_whom and "from" not in tokens_of(element.name)
