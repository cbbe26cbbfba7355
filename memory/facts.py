"""What is known about the user: facts with their source and date, which newer ones take the place of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from agentkit.errors import UsageError

from .entry import Entry, Match, normal, now
from .store import Store

Standing = Literal["current", "past", "claim"]
SOMEBODY = "me"


class Fact(Entry):
    """One thing about a user: ``attribute`` ("home city") and ``value`` ("Hobart").

    ``quote`` holds the words that say it, ``source`` whether the user said it, a model read it out of what the user
    said (``inferred``), the user edited it, or a text from elsewhere says so (``reported``). ``expected`` is what had
    been expected instead, when the fact came as a surprise. ``standing``: ``current``; ``past`` since ``until``; or a
    ``claim``, which is never used until the user confirms it. What is not trusted is a claim, whatever it says of
    itself.
    """

    KIND: ClassVar[str] = "fact"

    attribute: str = Field(min_length=1, max_length=100)
    value: str = Field(min_length=1, max_length=500)
    user: str = SOMEBODY
    quote: str = ""
    source: Literal["said", "inferred", "edited", "reported"] = "said"
    expected: str = ""
    standing: Standing = "current"
    until: str = ""

    @model_validator(mode="before")
    @classmethod
    def _only_claimed(cls, data: Any) -> Any:
        given = dict(data)
        believed = given.get("trust") == "trusted" and given.get("source") != "reported"
        if not believed and given.get("standing", "current") == "current":
            given["standing"] = "claim"
        return given

    @property
    def identity(self) -> list[str]:
        return [self.user, normal(self.attribute), normal(self.value), self.standing, self.until]

    @property
    def key(self) -> str:
        return f"{self.attribute}: {self.value}"

    @property
    def summary(self) -> str:
        mark = {"current": "", "past": f" (until {self.until[:10]})", "claim": " (claimed, not confirmed)"}
        return f"{self.key}{mark[self.standing]}"

    @property
    def facts(self) -> dict[str, str]:
        return {"user": self.user, "attribute": normal(self.attribute), "standing": self.standing}


class UserFacts(Store[Fact]):
    """Facts about users in a folder. What was once true stays as history; a full memory loses that first.

    A newer fact takes the place of the current one of the same attribute. What comes from untrusted text is a claim:
    kept with its mark, never used, until ``confirm``.
    """

    ENTRY = Fact
    COLLECTION = "facts"
    CAPACITY = 1000

    def leaving(self, entries: Sequence[Fact]) -> list[Fact]:
        order: dict[Standing, int] = {"past": 0, "claim": 1, "current": 2}
        return sorted(super().leaving(entries), key=lambda fact: order[fact.standing])

    def add_all(self, entries: Iterable[Fact]) -> int:
        """Keep facts, oldest first; returns how many were new. Of one attribute the newest is current."""
        with self._lock:
            return sum(self._settle(fact) for fact in sorted(entries, key=lambda fact: fact.created))

    def learn(self, fact: Fact) -> Fact:
        """Keep a fact and return it as it is kept: as given, or the current one that already says so."""
        fact = fact if fact.created else fact.model_copy(update={"created": now()})
        with self._lock:
            before = self.current(fact.attribute, user=fact.user)
            if before is not None and normal(before.value) == normal(fact.value):
                return before
            self.add(fact)
            return fact

    def _settle(self, fact: Fact) -> int:
        before = self.current(fact.attribute, user=fact.user) if fact.standing == "current" else None
        if before is not None and normal(before.value) == normal(fact.value):
            return 0
        if before is not None and before.created > fact.created:
            fact = fact.model_copy(update={"standing": "past", "until": before.created})
        elif before is not None:
            self.replace(
                before, before.model_copy(update={"standing": "past", "until": fact.created or now()})
            )
        return super().add_all([fact])

    def set(self, attribute: str, value: str, *, user: str = SOMEBODY) -> Fact:
        """Let the user say what is so."""
        fact = Fact(attribute=attribute, value=value, user=user, source="edited", trust="trusted")
        return self.learn(fact)

    def confirm(self, id: str) -> Fact:
        """Take a claim for true, as the user says."""
        claim = self.show(id)
        if claim.standing != "claim":
            raise UsageError(f"{claim.key!r} is no claim: it is {claim.standing}")
        self.forget(claim.id)
        update = {"standing": "current", "trust": "trusted", "source": "edited", "created": now()}
        return self.learn(claim.model_copy(update=update))

    def current(self, attribute: str, *, user: str = SOMEBODY) -> Fact | None:
        """Return what holds of an attribute now."""
        found = self.entries(
            {"$and": [{"user": user}, {"attribute": normal(attribute)}, {"standing": "current"}]}
        )
        return found[-1] if found else None

    def history(self, attribute: str, *, user: str = SOMEBODY) -> list[Fact]:
        """Return what ever held of an attribute, and what is claimed, oldest first."""
        found = self.entries({"$and": [{"user": user}, {"attribute": normal(attribute)}]})
        # Times are whole seconds: of two facts of one second, the one that has passed came first.
        return sorted(found, key=lambda fact: (fact.created, fact.standing != "past", fact.until))

    def recall(self, text: str, k: int = 5, *, user: str = SOMEBODY, floor: float = 0.2) -> list[Match[Fact]]:
        """Return the current facts that bear on a text, nearest first."""
        where = {"$and": [{"user": user}, {"standing": "current"}]}
        return [match for match in self.nearest(text, k, where) if match.similarity >= floor]

    def value_for(self, field: str, *, user: str = SOMEBODY) -> Fact | None:
        """Return the current fact whose attribute a field's name says: all of its words, in any order."""
        wanted = set(_words(field))
        for fact in reversed(self.entries({"$and": [{"user": user}, {"standing": "current"}]})):
            if wanted and wanted == set(_words(fact.attribute)):
                return fact
        return None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
