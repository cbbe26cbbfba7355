"""Going round in circles: the same actions on the same pages, also where a clock or a counter on them goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from agentkit.runs.recording import digest

from ...tools.browser import Snapshot
from .page import page_text
from .state import Done

# The longest circle that is looked for, in actions.
LONGEST = 4
# A circle is closed when it was gone round this often and begins again. Where only digits differ it may be progress
# (a page number, a cart that fills), so it is left more time; one action alone (a button that counts up) most.
ROUNDS, COUNTING, ALONE = 2, 3, 8

CLOCK = re.compile(
    r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:\s?[ap]\.?m\.?)?(?!\w)"
    r"|\b\d+(?:\.\d+)?\s*(?:ms|milliseconds?|secs?|seconds?|mins?|minutes?|hours?|days?)\b",
    re.IGNORECASE,
)
# What stands in quotes is an element's name or value.
QUOTED_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|\d+(?:[.,:]\d+)*')
T = TypeVar("T")


@dataclass(frozen=True)
class PageKey:
    """Digests by which a page is known again: ``exact`` but for clocks, ``loose`` but for every number in its text.

    Numbers in names and values of elements count in both: a field that holds another number is another page.
    """

    exact: str
    loose: str

    @classmethod
    def of(cls, snapshot: Snapshot, task: str) -> PageKey:
        """Return the key of a page as it is told for a task."""
        text = steady(page_text(snapshot, task))
        return cls(digest(snapshot.url, text), digest(snapshot.url, countless(text)))


@dataclass(frozen=True)
class Circle:
    """A round of actions that was gone several times on pages that look the same."""

    words: tuple[str, ...]
    rounds: int

    def __str__(self) -> str:
        return f"{', '.join(self.words)} ({self.rounds} times)"


def steady(text: str) -> str:
    """Return a page's text without times of day and spans of time, which change by themselves."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")', text)
    return "".join(part if number % 2 else CLOCK.sub("⏲", part) for number, part in enumerate(parts))


def countless(text: str) -> str:
    """Return a page's text without the numbers that stand in no element."""
    return QUOTED_OR_NUMBER.sub(lambda found: found[0] if found[0].startswith('"') else "#", text)


def circle(history: Sequence[Done], words: str, key: PageKey) -> Circle | None:
    """Return the circle that an action on a page would begin again, None when it begins none."""
    exact = [*((step["state"], step["words"]) for step in history), (key.exact, words)]
    loose = [*((step.get("loose", step["state"]), step["words"]) for step in history), (key.loose, words)]
    for length in range(1, LONGEST + 1):
        most = ALONE if length == 1 else COUNTING
        for steps, allowed in ((exact, ROUNDS), (loose, most)):
            # Several times the same action is a circle of one, with its own patience.
            varied = length == 1 or len(set(steps[-length:])) > 1
            if varied and _again(steps, length) > length * (allowed - 1):
                round_ = tuple(step[1] for step in steps[-length - 1 : -1])
                return Circle(round_, 1 + (_again(steps, length) - 1) // length)
    return None


def _again(steps: Sequence[T], length: int) -> int:
    """Return how many steps at the end repeat the one ``length`` before."""
    count = 0
    while count + length < len(steps) and steps[-1 - count] == steps[-1 - count - length]:
        count += 1
    return count
