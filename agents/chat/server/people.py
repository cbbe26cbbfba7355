"""Who talks: each person has conversations, pictures and runs of their own."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agentkit.contracts.result import Usage
from agentkit.errors import UsageError

from ....memory.conversations import Conversations
from .choices import ChoiceBook
from .config import OWNER, ServerConfig
from .pictures import Pictures

COOKIE = "agentkit_session"


class Unknown(UsageError):  # noqa: N818 - says what is the matter
    """Nobody known sent this request."""


@dataclass
class Person:
    """``runs`` is the folder of their runs; ``used`` what their turns took since the server started.

    ``choices`` is what they chose for each conversation.
    """

    name: str
    conversations: Conversations
    pictures: Pictures
    runs: Path
    used: Usage
    choices: ChoiceBook


class People:
    """Knows people by their tokens. Without tokens there is one, the owner."""

    def __init__(self, config: ServerConfig) -> None:
        self._tokens = dict(config.tokens)
        names = {*config.tokens.values()} or {OWNER}
        base = Conversations(config.memory).folder
        self._people = {name: _person(name, base, config) for name in sorted(names)}

    @property
    def all(self) -> list[Person]:
        return list(self._people.values())

    @property
    def guarded(self) -> bool:
        """Whether a token is needed."""
        return bool(self._tokens)

    def by_request(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Person:
        """Return who sent a request: by bearer token, or by the cookie of the page. Raises ``Unknown``."""
        if not self.guarded:
            return self._people[OWNER]
        kind, _, token = headers.get("authorization", "").partition(" ")
        bearer = kind.lower() == "bearer"
        found = (
            self.by_token(token.strip()) if bearer else self._matching(cookies.get(COOKIE, ""), session_of)
        )
        if found is None:
            raise Unknown("a token is needed", mend="the one that the server was started with")
        return found

    def by_token(self, token: str) -> Person | None:
        """Return whose token it is."""
        return self._matching(token, lambda known: known)

    def _matching(self, given: str, form: Callable[[str], str]) -> Person | None:
        found = None
        for token, name in self._tokens.items():
            # All are compared, in the same time whichever it is.
            if hmac.compare_digest(given.encode(), form(token).encode()):
                found = self._people[name]
        return found


def session_of(token: str) -> str:
    """Return what the page's cookie holds instead of the token; it outlives a restart of the server."""
    return hmac.new(token.encode(), b"agentkit chat session", hashlib.sha256).hexdigest()


def _person(name: str, base: Path, config: ServerConfig) -> Person:
    folder = base if name == OWNER else base / "people" / name
    runs = config.settings.runs if name == OWNER else config.settings.runs / "people" / name
    kept = Conversations(folder)
    return Person(
        name, kept, Pictures(kept, config.max_picture), runs.resolve(), Usage(), ChoiceBook(kept.folder)
    )
