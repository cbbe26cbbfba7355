"""Answers that follow from where things were found: on which side of another one a thing is, and how many there are.

No model is asked: boxes in pixels of the original say it better than a small model's words. What a question leaves
open, or boxes that lie too close, give no answer, and the model is asked as for everything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agentkit.content import Box

# The word for a side, and the words that mean it.
SIDES: Mapping[str, tuple[str, ...]] = {
    "left": ("left",),
    "right": ("right",),
    "above": ("above", "over", "top", "higher", "upper"),
    "below": ("below", "under", "beneath", "bottom", "lower", "underneath"),
}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# Centres nearer than this share of the two things' mean size are on no side.
CLEAR = 0.25


def side_answer(
    question: str, options: Sequence[str], found: Mapping[str, Box], *, yes: str = "yes", no: str = "no"
) -> str | None:
    """Return on which side of the other one thing lies, None when the question or the boxes leave it open.

    ``found``: the two things by their names, boxes in pixels of one picture. With ``options``, the only one that is
    true of the boxes.
    """
    if len(found) != 2 or not (sides_in(question) or any(map(sides_in, options))):
        return None
    subject = _subject(question, list(found))
    if subject is None:
        return None
    if options:
        true = [option for option in options if _holds(option, subject, found, question, yes=yes, no=no)]
        return true[0] if len(true) == 1 else None
    named = sides_in(question)
    if len(named) == 1 and re.match(r"\s*(is|are|does|do)\b", question.lower()):
        said = _lies(named[0], subject, found)
        return None if said is None else (yes if said else no)
    asked = named or list(SIDES)
    true = [side for side in asked if _lies(side, subject, found)]
    if len(true) == 2:
        # Left and above: the word for the larger of the two distances.
        across, down = _distances(subject, found)
        true = [side for side in true if (side in ("left", "right")) == (abs(across) > abs(down))]
    return true[0] if len(true) == 1 else None


def count_answer(question: str, options: Sequence[str], count: int) -> str | None:
    """Return a count as the answer to "how many", as the option that says it where there are options."""
    if not counts(question):
        return None
    if not options:
        return str(count)
    same = [option for option in options if number_in(option) == count]
    return same[0] if len(same) == 1 else None


def counts(question: str) -> bool:
    """Return whether a question asks for a number of things."""
    return re.search(r"\bhow many\b|^\s*count\b|\bnumber of\b", question.lower()) is not None


def number_in(text: str) -> int | None:
    """Return the only number in a text, written in digits or as a word; None when there is none or several."""
    words = re.findall(r"[a-z]+|\d+", text.lower())
    found = [int(w) if w.isdigit() else NUMBERS.index(w) for w in words if w.isdigit() or w in NUMBERS]
    return found[0] if len(found) == 1 else None


def sides_in(text: str) -> list[str]:
    """Return the sides that a text names, in its order."""
    words = re.findall(r"[a-z]+", text.lower())
    named = [side for word in words for side, known in SIDES.items() if word in known]
    return list(dict.fromkeys(named))


def _holds(
    option: str, subject: str, found: Mapping[str, Box], question: str, *, yes: str, no: str
) -> bool | None:
    """Return whether an option is true of the boxes: a side of its own, or yes and no to the question's side."""
    named = sides_in(option)
    if len(named) == 1:
        return _lies(named[0], _subject(option, list(found)) or subject, found)
    asked = sides_in(question)
    said = option.strip(" .").lower()
    if len(asked) == 1 and said in (yes, no):
        lies = _lies(asked[0], subject, found)
        return None if lies is None else lies == (said == yes)
    return None


def _subject(text: str, names: Sequence[str]) -> str | None:
    """Return the thing whose place is meant: the first of the two, or the last of "on which side of B is A?"."""
    low = text.lower()
    places = {name: _place_of(low, name) for name in names}
    if any(place < 0 for place in places.values()):
        return None
    first, last = sorted(names, key=lambda name: places[name])
    between = low[places[first] : places[last]]
    turned = re.search(r"\b(side|left|right|above|below|top|bottom) of\b", low[: places[first]]) is not None
    return last if turned and re.search(r"\b(is|are|lies|stands|sits)\b", between) else first


def _place_of(text: str, name: str) -> int:
    at = text.find(name.lower())
    return at if at >= 0 else text.find(name.lower().split()[-1])


def _distances(subject: str, found: Mapping[str, Box]) -> tuple[float, float]:
    (other,) = (box for name, box in found.items() if name != subject)
    (x, y), (ox, oy) = found[subject].center, other.center
    return x - ox, y - oy


def _lies(side: str, subject: str, found: Mapping[str, Box]) -> bool | None:
    """Return whether the subject lies on a side of the other thing; None when that is too close to call."""
    across, down = _distances(subject, found)
    boxes = list(found.values())
    if side in ("left", "right"):
        distance, unit = across, sum(box.width for box in boxes) / 2
    else:
        distance, unit = down, sum(box.height for box in boxes) / 2
    if abs(distance) < CLEAR * max(unit, 1.0):
        return None
    return distance < 0 if side in ("left", "above") else distance > 0
