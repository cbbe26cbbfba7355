"""Elements of the same role and name: which of them each is, and what it stands with ("retweet" of "Ada @ada")."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .snapshot import Snapshot

# A row has so many texts of its own at most: more lies between things that only happen to share a name.
MOST = 6
LONGEST = 40


@dataclass(frozen=True)
class Twin:
    """One of several elements that share role and name.

    ``about`` is the text that it stands with, empty when nothing tells. ``number`` counts from 1 among those with the
    same ``about``, ``count`` is how many these are.
    """

    about: str
    number: int
    count: int


def twins_of(snapshot: Snapshot) -> Mapping[str, Twin]:
    """Return what tells twins apart, by id.

    In a list every row repeats the same names (reply, like, delete) beside texts of its own. What stands between an
    element and the twin before it, and is not repeated in every row, is its row's; the first of it is what the row is
    called. Rows must be alike for that: without such texts between all twins there is only a number.
    """
    tokens = [_token(snapshot, part) for line in snapshot.lines for part in line.parts]
    often = Counter(label for _, label in tokens if label)
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for element in snapshot.elements:
        groups[element.role, element.name].append(element.id)
    places = {id: place for place, (id, _) in enumerate(tokens) if id}
    found: dict[str, Twin] = {}
    for ids in groups.values():
        if len(ids) > 1:
            shown = sorted((id for id in ids if id in places), key=places.__getitem__)
            about = _about(shown, tokens, places, often) if len(shown) == len(ids) else {}
            found |= _numbered(ids, about)
    return found


def _about(
    ids: Sequence[str], tokens: Sequence[tuple[str, str]], places: Mapping[str, int], often: Mapping[str, int]
) -> dict[str, str]:
    """Return the text that each element stands with, nothing where the rows are not alike."""
    rows: list[list[str]] = []
    start = 0
    for id in ids:
        between = [label for _, label in tokens[start : places[id]]]
        rows.append([label for label in between if _tells(label) and often[label] < len(ids)])
        start = places[id] + 1
    usual = median_low([len(row) for row in rows[1:]])
    if not 0 < usual <= MOST or not all(rows):
        return {}
    # Before the first row stands what is above the list.
    return {id: row[-usual:][0][:LONGEST].strip() for id, row in zip(ids, rows, strict=True)}


def _numbered(ids: Sequence[str], about: Mapping[str, str]) -> dict[str, Twin]:
    counts = Counter(about.get(id, "") for id in ids)
    seen: Counter[str] = Counter()
    found = {}
    for id in ids:
        text = about.get(id, "")
        seen[text] += 1
        found[id] = Twin(text, seen[text], counts[text])
    return found


def _token(snapshot: Snapshot, part: str | tuple[str]) -> tuple[str, str]:
    """Return a part of a line as (id or nothing, text or name)."""
    if isinstance(part, str):
        return "", part.strip()
    return part[0], snapshot.get(part[0]).name.strip()


def _tells(label: str) -> bool:
    return sum(character.isalnum() for character in label) > 1
