"""``agentkit chat``: a conversation in the terminal."""

from __future__ import annotations

from .flags import Flags


def chat(*, flags: Flags) -> None:
    """Talk; pictures by path, pages by address, and what was said is remembered."""
    raise NotImplementedError
