"""How far, how wide and how long is looked ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentkit.errors import UsageError

from .value import Judge

SETTINGS = ("depth", "width", "budget", "discount", "sure", "imagine")


@dataclass(frozen=True)
class LookAhead:
    """The settings of a tree search over real pages (best first, after Koh et al. 2024, arXiv 2407.01476).

    ``depth``: how many actions ahead. ``width``: how many of the best actions of a page are tried. ``budget``: how many
    are tried before one decision; each opens a page. ``discount`` is what a value loses with each action after the
    first, ``sure`` the value at which the search ends. ``imagine`` lets a model that writes its values first say what
    it would do next and what would come of it (self-taught lookahead, arXiv 2503.02878). ``judge`` values pages in
    place of the model; it is not written down in the run, so a resumed run must be given it again.
    """

    depth: int = 2
    width: int = 3
    budget: int = 12
    discount: float = 0.9
    sure: float = 0.95
    imagine: bool = False
    judge: Judge | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("depth", "width", "budget"):
            if getattr(self, name) < 1:
                raise UsageError(f"the {name} of looking ahead is at least 1, not {getattr(self, name)}")
        for name in ("discount", "sure"):
            if not 0 < getattr(self, name) <= 1:
                raise UsageError(f"the {name!r} of looking ahead is above 0 and at most 1")

    @classmethod
    def of(cls, given: LookAhead | Mapping[str, Any] | None) -> LookAhead | None:
        """Return the settings of ``to_json``, or what was given. Raises ``UsageError`` for what there is not."""
        if given is None or isinstance(given, LookAhead):
            return given
        if unknown := [name for name in given if name not in SETTINGS]:
            raise UsageError(f"looking ahead has no {unknown[0]!r}", mend=", ".join(SETTINGS))
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON data, without the judge."""
        return {name: getattr(self, name) for name in SETTINGS}
