"""The conversations of one person as the API shows them."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field

from agentkit.contracts.runfile import BudgetLimits
from agentkit.errors import AgentKitError, UsageError
from agentkit.runtime.budget import limits_of

from ....memory import conversations as memory
from ....memory.conversations import checked_name
from .casts import SharedCast
from .choices import Choices
from .config import OWNER, ServerConfig
from .offers import offers
from .people import Person
from .schema import (
    ConversationInfo,
    ConversationPage,
    Found,
    Listing,
    NewAnswer,
    NewTurn,
    Offers,
    RoleState,
    Turn,
)
from .turns import Turns

UNNAMED = "New conversation"
LONGEST_TITLE = 48
MOST_HITS = 50


@dataclass
class Talks:
    """What one person can do with their conversations."""

    person: Person
    turns: Turns
    cast: SharedCast
    config: ServerConfig
    _naming: threading.Lock = field(default_factory=threading.Lock)

    def budget(self, key: str | None = None) -> dict[str, float]:
        """The limits of a turn (of a conversation), by name."""
        chosen = self.person.choices.choices(key or "")
        return smaller(limits_of(self.config.settings), chosen.budget).model_dump(exclude_none=True)

    def states(self, key: str | None = None) -> list[RoleState]:
        """What is known of the models that play the roles (in a conversation)."""
        return self.cast.states(self.person.choices.choices(key or "").models)

    def offers(self) -> Offers:
        """Return the models that can be picked, and the defaults."""
        return offers(self.cast, self.config, free=self.person.name == OWNER)

    async def choose(self, key: str, choices: Choices) -> ConversationPage:
        """Keep what is chosen for a conversation, once the models that it names are there.

        Raises ``UsageError`` for a model that can't be loaded, can't play its role, or may not be named.
        """
        self._kept.find(key)
        await self._check(choices)
        self.person.choices.choose(key, choices)
        return await asyncio.to_thread(self.page, key, 1)

    async def again(self, key: str, new: NewAnswer) -> Turn:
        """Answer a turn once more. Raises ``UsageError`` as ``choose`` does."""
        await self._check(new.choices)
        return await self.turns.again(key, new)

    async def _check(self, choices: Choices) -> None:
        for role, reference in choices.models.items():
            if self.person.name != OWNER and reference not in {
                item.reference for item in self.offers().models
            }:
                raise UsageError(
                    f"{reference!r} is not offered here", mend="the owner of the server can name it"
                )
            try:
                await self.cast.pick(role, reference)
            except AgentKitError as error:
                raise UsageError(error.message, mend=error.mend) from error

    def listing(self, search: str) -> Listing:
        """Return all conversations, and the turns that hold a text."""
        found = self._kept.list()
        keys = {item.name: item.key for item in found}
        running = self.turns.running()
        hits = self._kept.search(search)[:MOST_HITS] if search.strip() else []
        return Listing(
            conversations=[self._info(item, running) for item in found],
            hits=[
                Found(conversation=keys[hit.name], name=hit.name, number=hit.number, text=hit.text)
                for hit in hits
                if hit.name in keys
            ],
        )

    def create(self, name: str | None) -> ConversationInfo:
        """Add a conversation; without a name it has a stand-in until its first turn."""
        made = self._kept.create(checked_name(name.strip()) if name else self._free(UNNAMED))
        return self._info(made)

    def page(self, key: str, last: int) -> ConversationPage:
        """Return a conversation with its newest turns."""
        info = self._kept.find(key)
        turns = self._kept.turns(info.name, unfinished=True)
        shown = [self.turns.shown(turn, info.name) for turn in turns[-last:]]
        return ConversationPage(
            **self._info(info).model_dump(),
            shown=shown,
            earlier=len(turns) - len(shown),
            choices=self.person.choices.choices(key),
        )

    def everything(self, key: str) -> tuple[ConversationInfo, list[Turn]]:
        """Return a conversation with all its turns."""
        info = self._kept.find(key)
        turns = self._kept.turns(info.name, unfinished=True)
        return self._info(info), [self.turns.shown(turn, info.name) for turn in turns]

    def rename(self, key: str, name: str) -> ConversationInfo:
        """Give a conversation another name."""
        self._kept.rename(self._kept.find(key).name, checked_name(name.strip()))
        return self._info(self._kept.find(key))

    async def delete(self, key: str) -> None:
        """Delete a conversation with its recordings, when its turns have been stopped."""
        await self.turns.delete(self._kept.find(key).name)

    async def begin(self, key: str, new: NewTurn) -> Turn:
        """Begin a turn; the first one names a conversation that has no name of its own."""
        info = self._kept.find(key)
        turn = await self.turns.begin(info.name, new, self.person.choices.choices(key))
        if info.name.startswith(UNNAMED):
            await asyncio.to_thread(self._name_after, info.name, new.text)
        return turn

    def branch(self, key: str, before: str) -> ConversationInfo:
        """Copy the finished turns before one into a new conversation. Raises ``UsageError`` for another's turn."""
        info = self._kept.find(key)
        turns = self._kept.turns(info.name, unfinished=True)
        place = next((i for i, turn in enumerate(turns) if turn.key == before), None)
        if place is None:
            raise UsageError("this turn is not of this conversation")
        made = self._kept.create(self._free(f"{info.name[:LONGEST_TITLE]} (branch)"))
        self._kept.copy([turn.key for turn in turns[:place] if turn.done], made.name)
        return self._info(self._kept.find(made.key))

    # Inside.

    @property
    def _kept(self) -> memory.Conversations:
        return self.person.conversations

    def _info(self, item: memory.Conversation, running: Counter[str] | None = None) -> ConversationInfo:
        counts = self.turns.running() if running is None else running
        return ConversationInfo(
            key=item.key,
            name=item.name,
            created=item.created,
            updated=item.updated,
            turns=item.turns,
            running=counts[item.name],
        )

    def _name_after(self, name: str, text: str) -> None:
        # Several conversations may begin with the same words at once, each in a thread of its own.
        with self._naming:
            if len(self._kept.turns(name, unfinished=True)) == 1:
                self._kept.rename(name, self._free(title_of(text)))

    def _free(self, wanted: str) -> str:
        taken = {item.name for item in self._kept.list()}
        number, name = 1, wanted
        while name in taken:
            number += 1
            name = f"{wanted} {number}"
        return name


def smaller(own: BudgetLimits, chosen: BudgetLimits) -> BudgetLimits:
    """Return the smaller of each two limits."""
    given, wanted = own.model_dump(), chosen.model_dump(exclude_none=True)
    both = {name: value if given[name] is None else min(value, given[name]) for name, value in wanted.items()}
    return own.model_copy(update=both)


def title_of(text: str) -> str:
    """Return the first words of a turn as a name."""
    line = "".join(c if c.isprintable() else " " for c in text)
    words = line.split()
    title = ""
    for word in words:
        if title and len(title) + len(word) + 1 > LONGEST_TITLE:
            return title + "…"
        title = f"{title} {word}".strip()[:LONGEST_TITLE]
    return title or UNNAMED
