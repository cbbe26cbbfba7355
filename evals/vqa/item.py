"""What the benchmarks have in common: a question about a picture, with options of which one is right."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentkit.content import Box
from agentkit.errors import UsageError


@dataclass(frozen=True)
class Item:
    """A question about the picture of a file.

    ``name`` is unique in its benchmark, ``group`` is what accuracies are also given for (a folder, a category).
    ``right`` is the index of the right option. ``targets`` and their ``boxes`` (pixels, left-top-right-bottom) go
    together; both are empty where nothing is to be found or nobody has marked it. ``kind`` and ``placement`` (where
    targets are) are empty where a benchmark does not tell.
    """

    name: str
    group: str
    image: Path
    question: str
    options: tuple[str, ...]
    right: int
    targets: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    kind: str = ""
    placement: str = ""

    @property
    def answer(self) -> str:
        return self.options[self.right]

    def digest(self) -> str:
        """Return a digest of all that is asked: a row of another version of an item is not its row."""
        asked = [self.question, self.options, self.right, self.targets, self.boxes]
        digest = hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode())
        digest.update(self.image.read_bytes())
        return digest.hexdigest()[:16]


def are_different(options: Sequence[str]) -> bool:
    """Return whether no two options are the same text, whatever the case of letters and the spaces around."""
    return len({option.strip().lower() for option in options}) == len(options)


def order_of(name: str, count: int) -> list[int]:
    """Return an order of ``count`` options that the item's name decides, the same in every run."""
    return sorted(range(count), key=lambda index: hashlib.sha256(f"{name}\n{index}".encode()).digest())


def sample(items: Iterable[Item], most: int | None, groups: Sequence[str] = ()) -> list[Item]:
    """Return at most ``most`` items of the groups or kinds given (all by default), every part in its share.

    A larger sample holds the smaller ones. Raises ``UsageError`` for a group that there is not.
    """
    found = list(items)
    known = sorted({item.group for item in found} | {item.kind for item in found if item.kind})
    for group in groups:
        if group not in known:
            raise UsageError(f"there is no part {group!r}", mend="one of " + ", ".join(known))
    parts: dict[tuple[str, str, str], list[Item]] = {}
    for item in found:
        if not groups or item.group in groups or item.kind in groups:
            parts.setdefault((item.group, item.kind, item.placement), []).append(item)
    # The items of a part are spread evenly over the whole, so that any beginning of it has all parts in proportion.
    places = [
        ((index + 0.5) / len(part), _mixed(item.name), item)
        for part in parts.values()
        for index, item in enumerate(sorted(part, key=lambda item: _mixed(item.name)))
    ]
    return [item for _, _, item in sorted(places, key=lambda place: place[:2])][:most]


def _mixed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
