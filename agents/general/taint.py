"""Where the values of a call come from: the user's words, or text that nobody vouches for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Shorter values (a digit, "no") are in every text by chance.
SHORTEST = 4


def untrusted_values(arguments: Any, history: Sequence[Mapping[str, Any]], trusted: str) -> list[str]:
    """Return the values among a call's arguments that untrusted text holds and the user's words do not.

    ``history`` is dumped messages; ``trusted`` the user's task, instructions and answers. Case does not matter.
    """
    marked = [part for message in history for part in message["parts"] if "text" in part]
    untrusted = "\n".join(part["text"] for part in marked if part["trust"] == "untrusted").casefold()
    known = "\n".join(
        [trusted, *(p["text"] for p in marked if p["trust"] == "trusted" and p["label"] != "reply")]
    ).casefold()
    return [
        value
        for value in _leaves(arguments)
        if len(value) >= SHORTEST and value.casefold() in untrusted and value.casefold() not in known
    ]


def _leaves(data: Any) -> Iterable[str]:
    if isinstance(data, Mapping):
        for value in data.values():
            yield from _leaves(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _leaves(value)
    elif isinstance(data, (str, int, float)) and not isinstance(data, bool):
        yield str(data).strip()
