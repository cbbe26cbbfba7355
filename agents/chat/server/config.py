"""What a chat server is made with."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.config import Settings
from agentkit.errors import UsageError

OWNER = "owner"
MEGABYTE = 1024 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
SHORTEST_TOKEN = 8


@dataclass(frozen=True)
class ServerConfig:
    """``tokens`` maps each token to the person who has it; without tokens everybody is the owner.

    The owner's conversations are those of ``agentkit chat``; each other person has a memory and runs of their own.
    ``memory`` is the folder of conversations (None: the default one). ``max_picture`` is in bytes. ``strategy`` is
    the visual search's. ``preload`` loads the models when the server starts, not when they are first asked.
    Raises ``UsageError`` for an address that others can reach without a token.
    """

    settings: Settings
    host: str = "127.0.0.1"
    port: int = 8765
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    memory: Path | None = None
    strategy: str = "vstar"
    max_picture: int = 50 * MEGABYTE
    preload: bool = True

    def __post_init__(self) -> None:
        if not self.tokens and not is_loopback(self.host):
            raise UsageError(f"{self.host} can be reached by others", mend="--token SECRET")
        for token, person in self.tokens.items():
            if not _NAME.fullmatch(person):
                raise UsageError(f"{person!r} can't be a person's name", mend="a-z, 0-9, - and _")
            if len(token) < SHORTEST_TOKEN:
                raise UsageError(
                    f"the token of {person} is too short", mend=f"{SHORTEST_TOKEN} characters or more"
                )


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def tokens_of(given: list[str]) -> dict[str, str]:
    """Return the tokens of ``SECRET`` (the owner's) and ``NAME=SECRET``, by token."""
    found: dict[str, str] = {}
    for item in given:
        name, equals, secret = item.partition("=")
        if not equals or not _NAME.fullmatch(name):
            # A secret may hold an equals sign, too.
            name, secret = OWNER, item
        if secret in found:
            raise UsageError("two people can't have one token")
        found[secret] = name
    return found
