"""Seeds as people write them."""

from __future__ import annotations

import re

from agentkit.errors import UsageError


def seeds_of(text: str) -> list[int]:
    """Return the seeds of ``"1-5"`` (both ends count), ``"7"`` or ``"1-3,10,20-21"``, each once, in their order.

    Raises ``UsageError`` for anything else.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        if match is None:
            raise UsageError(f"{text!r} names no seeds", mend="write 1-5 or 1,2,7-9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"{part.strip()!r} is no range of seeds", mend=f"{last}-{first}")
        found += range(first, last + 1)
    return list(dict.fromkeys(found))
