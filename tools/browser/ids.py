"""Ids of elements: numbers that belong to one element of one document and are never given again in a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Frame


@dataclass(frozen=True)
class Place:
    """Where an element is: its frame, the token of its document there, and its number within that document."""

    frame: Frame
    document: str
    local: int


class Ids:
    """Gives numbers to elements in the order in which they are first seen."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int], int] = {}
        self._places: dict[int, Place] = {}
        # A child frame keeps its owner for life: asking once is enough.
        self._owners: dict[Frame, Place] = {}

    def forget_places(self) -> None:
        """A new look begins: only what it sees can be acted on."""
        self._places.clear()
        self._owners = {child: owner for child, owner in self._owners.items() if not child.is_detached()}

    def number(self, place: Place) -> int:
        """Return the number of an element that is being seen."""
        key = (place.document, place.local)
        found = self._numbers.setdefault(key, len(self._numbers) + 1)
        self._places[found] = place
        return found

    def place(self, number: int) -> Place | None:
        """Return where an element of the last look is, None for any other number."""
        return self._places.get(number)

    def owner(self, child: Frame) -> Place | None:
        """Return the element that a child frame stands in, None when nobody asked yet."""
        return self._owners.get(child)

    def own(self, child: Frame, owner: Place) -> None:
        """Keep the element that a child frame stands in."""
        self._owners[child] = owner
