"""What the user said in earlier runs: looked up before a question is asked, and kept when one is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agentkit.contracts.event import Note
from agentkit.errors import MissingExtra, OtherVersion
from agentkit.runtime.journal import Effect
from agentkit.runtime.run import Run

from ...memory import Fact, UserFacts
from .candidates import about
from .context import WebContext
from .library import OFF, Library
from .missing import Gap
from .state import WebState
from .values import Value

# Fields whose value stays the same from task to task; a date, a password or a search never is kept.
_GENERAL = """name first last full given family surname middle email e mail phone telephone mobile number address
    street line home work city town postal post code postcode zip country state region province company organisation
    organization employer birthday birth date of gender language nationality title your airport"""
GENERAL = frozenset(_GENERAL.split())
# A word that makes a field the user's own; "number" or "date" alone says nothing of them.
OWN = GENERAL - frozenset(
    {
        "first",
        "last",
        "full",
        "given",
        "family",
        "middle",
        "e",
        "number",
        "line",
        "home",
        "work",
        "post",
        "code",
    }
    | {"date", "of", "title", "your"}
)


def is_general(field: str) -> bool:
    """Say whether a field asks for what stays true of a user: a name, an address, a home airport."""
    words = about(field)
    return bool(words & OWN) and words <= GENERAL


class Known:
    """The facts about the user, as far as a run may use them. An episode (a benchmark) uses and keeps none."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._facts: UserFacts | None = None

    async def values(self, found: Sequence[Gap], state: WebState, context: WebContext) -> list[Value]:
        """Return values for what is open, from what the user said before; told in the run, with source and date."""
        values = []
        for gap in found if self._allowed(state) else ():
            if gap.readings or not is_general(gap.field):
                continue
            fact = await self._fact(gap.field.strip(" :*"), context)
            if fact is not None:
                values.append(Value(fact["value"], "memory", fact["attribute"], gap.field))
                context.run.emit(Note(text=f"{gap.field}: {fact['value']}, {source_of(fact)}"))
        return values

    async def learn(self, state: WebState, context: WebContext) -> dict[str, Any]:
        """Keep the last answer as a fact about the user, when it is of a kind that stays true."""
        last = state["answers"][-1] if state["answers"] else None
        if last is None or last["source"] != "user" or not (self._allowed(state) and is_general(last["cue"])):
            return {}
        attribute, value, run = last["cue"].strip(" :*").lower(), last["text"], context.run.info.id

        async def store() -> str:
            fact = Fact(attribute=attribute, value=value, quote=value, run=run, trust="trusted")
            return await asyncio.to_thread(self._keep, fact, context.run)

        effect = Effect(
            "remember", {"fact": attribute, "value": value}, f"keep {attribute!r} as a fact", replayable=True
        )
        await context.run.journal.act(effect, store)
        return {}

    def _allowed(self, state: WebState) -> bool:
        return not state["episode"] and self.library.place != OFF

    async def _fact(self, field: str, context: WebContext) -> dict[str, Any] | None:
        async def look() -> dict[str, Any] | None:
            return await asyncio.to_thread(self._look_up, field, context.run)

        return await context.run.journal.read("fact", {"field": field}, look)

    def _look_up(self, field: str, run: Run) -> dict[str, Any] | None:
        try:
            folder = self.library.memory.folder
            if folder is not None and not folder.exists():
                # To look for something does not make a memory.
                return None
            fact = self._store().value_for(field)
        except (MissingExtra, OtherVersion) as error:
            run.emit(Note(level="warning", text=f"no facts are looked up: {error}"))
            return None
        return None if fact is None else fact.model_dump(mode="json")

    def _keep(self, fact: Fact, run: Run) -> str:
        try:
            return self._store().learn(fact).id
        except (MissingExtra, OtherVersion) as error:
            run.emit(Note(level="warning", text=f"the answer is not remembered: {error}"))
            return ""

    def _store(self) -> UserFacts:
        if self._facts is None:
            memory = self.library.memory
            self._facts = UserFacts(memory.folder, embedder=memory.embedder)
        return self._facts


def source_of(fact: dict[str, Any]) -> str:
    """Return in words where a fact comes from."""
    run = f" (run {fact['run']})" if fact.get("run") else ""
    return f"from what you said on {fact['created'][:10]}{run}"
