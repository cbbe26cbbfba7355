"""The journal file of a run: what is filed, from which attempt, and what a replay reads instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..contracts.event import EventBase
from ..runs.folder import JOURNAL, RunFolder
from ..runs.recording import Recording
from .scope import current_scope


@dataclass(frozen=True)
class Filing:
    """Where the journal and the corrections of a run are kept (``runs/journal.jsonl``).

    In a ``replay`` nothing is written: outcomes come from the ``recording``. ``emit`` tells of what happens.
    """

    folder: RunFolder
    recording: Recording
    attempt: int
    replay: bool
    emit: Callable[[EventBase], None]

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """Return what was filed of one kind, in order."""
        return [line for line in self.folder.lines(JOURNAL) if line["kind"] == kind]

    def write(
        self, kind: str, key: str, state: str = "done", *, scope: str = "", sync: bool = False, **more: Any
    ) -> dict[str, Any]:
        """File a line under ``scope`` (the present one) and return it; ``sync``: it is on the disk before this returns."""
        line = {
            "kind": kind,
            "scope": scope or current_scope(),
            "key": key,
            "state": state,
            "attempt": self.attempt,
            **more,
        }
        self.folder.append(JOURNAL, line, sync=sync)
        return line
