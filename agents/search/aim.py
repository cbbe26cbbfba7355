"""What one search is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Aim:
    """What one search is for.

    ``about``: the thing as words say it, or the text that is looked for ("" for any). ``question``: what the user
    wants to know. ``alone``: the question needs this thing only. ``every``: all of its kind are wanted, not one (to
    count, or for "all Xs"). ``reads``: text is looked for, not a thing.
    """

    about: str
    question: str = ""
    alone: bool = True
    every: bool = False
    reads: bool = False

    def dump(self) -> dict[str, Any]:
        """Return the aim as plain JSON data."""
        return asdict(self)

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Aim:
        """Return the aim of ``dump``."""
        return cls(**data)

    @classmethod
    def of(cls, aim: Aim | str) -> Aim:
        """Return an aim as it is; a text is the thing to find."""
        return cls(aim) if isinstance(aim, str) else aim
