"""Where exemplars come from: the user's memory, or those that ship while it is empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentkit.config import Settings
from agentkit.contracts.event import Note
from agentkit.errors import MissingExtra, OtherVersion, UsageError
from agentkit.runtime.run import Run

from ...memory import ExemplarMemory, default_folder, shipped

OFF = "off"


class Library:
    """A memory that is opened when it is first needed.

    ``place``: a memory, a folder, ``"off"``, or None for the default folder (then a missing library only means that
    nothing is recalled).
    """

    def __init__(self, place: ExemplarMemory | Path | str | None, settings: Settings) -> None:
        self._settings = settings
        self._given = place
        self._memory = place if isinstance(place, ExemplarMemory) else None
        self._shipped: ExemplarMemory | None = None

    @property
    def place(self) -> str | None:
        """The place as JSON data, so that a resumed run finds it again."""
        if isinstance(self._given, ExemplarMemory):
            return str(self._given.folder) if self._given.folder else None
        return None if self._given is None else str(self._given)

    @property
    def memory(self) -> ExemplarMemory:
        """The user's memory. Raises ``UsageError`` when it is off."""
        if self._given == OFF:
            raise UsageError("this agent has no memory", mend="make it with memory=... other than 'off'")
        if self._memory is None:
            folder = default_folder(self._settings) if self._given is None else self._given
            assert not isinstance(folder, ExemplarMemory)
            self._memory = ExemplarMemory(folder)
        return self._memory

    def look_up(self, task: str, page: str, most: int, run: Run) -> list[dict[str, Any]]:
        """Return the recalled exemplars as JSON data, each with its similarity (see ``ExemplarMemory.recall``)."""
        if self._given == OFF or most == 0:
            return []
        try:
            found = self._source().recall(task, page, most=most)
        except MissingExtra as error:
            if self._given is not None:
                raise
            run.emit(Note(level="warning", text=f"no exemplars are recalled: {error}"))
            return []
        except OtherVersion as error:
            # The task can be done without; the memory stays as it is, for the version that reads it.
            run.emit(Note(level="warning", text=f"no exemplars are recalled: {error}"))
            return []
        return [{"similarity": match.similarity, **match.entry.model_dump(mode="json")} for match in found]

    def _source(self) -> ExemplarMemory:
        memory = self.memory
        if memory.folder is None or (memory.folder.exists() and len(memory)):
            return memory
        if self._shipped is None:
            self._shipped = ExemplarMemory(embedder=memory.embedder)
            self._shipped.add_all(shipped())
        return self._shipped
