"""Tips: short advice from what went wrong and right, scored by what came of following it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from .entry import Entry, Match, Trust, digest, normal
from .store import Store

LONGEST = 300
# Tips of one family this near to each other say the same (cosine of all-MiniLM-L6-v2; set by hand on a few dozen).
SAME = 0.92
# Advice about another task altogether is worse than none.
FLOOR = 0.35
# From this many uses on, a tip that mostly did not help is not shown any more.
TRIED = 4
POOR = 0.35


class Tip(Entry):
    """One piece of advice (Introspective Tips, arXiv 2305.11598).

    ``task`` is the task it was learned from, ``family`` and ``site`` where it applies; both empty: anywhere.
    ``origin``: from a failure, from a failed and a successful run side by side, from a success, or written by the
    user. ``runs`` are the runs that speak for it. ``uses`` counts runs that were shown it, ``wins`` those of them
    that succeeded.
    """

    KIND: ClassVar[str] = "tip"

    text: str = Field(min_length=1, max_length=LONGEST)
    task: str = ""
    family: str = ""
    site: str = ""
    origin: Literal["failure", "contrast", "success", "user"] = "failure"
    runs: tuple[str, ...] = ()
    uses: int = Field(default=0, ge=0)
    wins: int = Field(default=0, ge=0)

    @property
    def identity(self) -> list[str]:
        return [self.family, self.site, normal(self.text)]

    @property
    def lesson(self) -> str:
        return digest(["tip", *self.identity])

    @property
    def key(self) -> str:
        return f"Task: {self.task}\n{self.text}" if self.task else self.text

    @property
    def summary(self) -> str:
        record = f", helped {self.wins} of {self.uses}" if self.uses else ""
        return f"{self.text} ({self.origin}{record})"

    @property
    def facts(self) -> dict[str, str]:
        return {"family": self.family, "site": self.site, "origin": self.origin}

    @property
    def worth(self) -> float:
        """The expected share of successes when it is followed: the mean of a beta distribution, 0.5 unused."""
        return (self.wins + 1) / (self.uses + 2)


class TipMemory(Store[Tip]):
    """Tips in a folder. A full memory loses those worth least, the oldest of equals first."""

    ENTRY = Tip
    COLLECTION = "tips"
    CAPACITY = 500

    def leaving(self, entries: Sequence[Tip]) -> list[Tip]:
        return sorted(entries, key=lambda tip: (tip.origin == "user", tip.worth, tip.created, tip.id))

    def learn(self, tips: Iterable[Tip]) -> list[Tip]:
        """Keep tips; one that says what a kept tip of its family says strengthens that one instead."""
        return [self._learn(tip) for tip in tips]

    def recall(self, task: str, k: int = 3, *, family: str = "") -> list[Match[Tip]]:
        """Return up to ``k`` tips for a task, the most promising first: by similarity times worth.

        Left out: tips of other families when ``family`` is given, what is about something else, and what was tried
        and mostly did not help.
        """
        where = {"family": {"$in": [family, ""]}} if family else None
        found = self.nearest(f"Task: {task}", max(4 * k, 20), where)
        good = [m for m in found if m.similarity >= FLOOR and not _failed(m.entry)]
        return sorted(good, key=lambda match: -match.similarity * match.entry.worth)[:k]

    def credit(self, ids: Iterable[str], success: bool) -> int:
        """Count a run that was shown tips and how it ended; returns how many of the tips are still there."""
        wanted = set(ids)
        found = [tip for tip in self.entries() if tip.id in wanted] if wanted else []
        for tip in found:
            counted = {"uses": tip.uses + 1, "wins": tip.wins + success}
            self.replace(tip, tip.model_copy(update=counted))
        return len(found)

    def _learn(self, tip: Tip) -> Tip:
        where = {"$and": [{"family": tip.family}, {"site": tip.site}]}
        near = self.nearest(tip.key, 1, where)
        if not near or near[0].similarity < SAME:
            self.add(tip)
            return tip
        kept = near[0].entry
        runs = tuple(dict.fromkeys([*kept.runs, *tip.runs]))
        trust: Trust = "trusted" if "trusted" == kept.trust == tip.trust else "untrusted"
        update = {"runs": runs, "created": max(kept.created, tip.created), "trust": trust}
        # The user's own words stay as they are.
        return kept if kept.origin == "user" else self.replace(kept, kept.model_copy(update=update))


def _failed(tip: Tip) -> bool:
    return tip.origin != "user" and tip.uses >= TRIED and tip.worth < POOR
