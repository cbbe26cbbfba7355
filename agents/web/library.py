"""Where exemplars come from: the user's memory, or those that ship while it is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agentkit.config import Settings
from agentkit.content import Image
from agentkit.contracts.event import Note
from agentkit.errors import MissingExtra, OtherVersion, UsageError
from agentkit.models import Model
from agentkit.models.embed import load_embedder
from agentkit.runtime.run import Run

from ...memory import (
    ExemplarMemory,
    Match,
    MemoryBank,
    Step,
    Tip,
    TipMemory,
    Trial,
    default_folder,
    learn_tips,
    shipped,
)
from ...memory.precomputed import with_shipped
from ...memory.remember import beside

OFF = "off"
# How many steps of earlier turns and how many tips are recalled.
EARLIER, TIPS = 3, 2


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
        self._tips: TipMemory | None = None
        self._steps: MemoryBank | None = None

    @property
    def on(self) -> bool:
        """Whether anything is recalled and kept."""
        return self._given != OFF

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
            self._memory = ExemplarMemory(folder, embedder=load_embedder(self._settings.embed or "minilm"))
        return self._memory

    def look_up(
        self, task: str, page: str, most: int, run: Run, screen: Image | None = None
    ) -> list[dict[str, Any]]:
        """Return what is recalled for a task as JSON data, each with its ``kind`` and similarity.

        Steps of earlier turns of the run's conversation come first, then ``most`` exemplars (see
        ``ExemplarMemory.recall``), then tips.
        """
        if self._given == OFF or most == 0:
            return []
        try:
            exemplars = self._source().recall(task, page, screen=screen, most=most)
            found = [*self._earlier(task, run), *(_data(match) for match in exemplars)]
            return [*found, *(_data(match) for match in self._advice(task))]
        except MissingExtra as error:
            if self._given is not None:
                raise
            run.emit(Note(level="warning", text=f"no exemplars are recalled: {error}"))
        except OtherVersion as error:
            # The task can be done without; the memory stays as it is, for the version that reads it.
            run.emit(Note(level="warning", text=f"no exemplars are recalled: {error}"))
        return []

    def keep_turn(self, conversation: str, task: str, steps: Sequence[Mapping[str, str]], run: Run) -> int:
        """Keep what was done as the next turn of a conversation (Self-MAP's memory bank); returns how many steps.

        None with the memory ``off``: then nothing is kept, as nothing is recalled.
        """
        if self._given == OFF:
            return 0
        site = urlsplit(run.info.arguments.get("url") or "").netloc
        shown = [Step.model_validate(step) for step in steps]
        return len(self._bank().remember(conversation, task, shown, site=site, run=run.info.id))

    async def refine(self, conversation: str, run: Run, model: Model) -> int:
        """Have a model give a reason for each step of the run's turn; returns how many steps have one."""
        steps = [step for step in self._bank().conversation(conversation) if step.run == run.info.id]
        return sum(bool(step.rationale) for step in await self._bank().reflect(model, steps))

    async def learn(
        self,
        failed: Trial | None,
        lessons: Sequence[Tip],
        shown: Sequence[str],
        run: Run,
        model: Model | None,
    ) -> list[Tip]:
        """Keep what a run teaches: tips of a failure beside kept successes of its kind, and lessons as they are.

        A failure counts against the tips that the run was ``shown``. Nothing is kept where there is no memory yet
        and the user named none.
        """
        try:
            if self._given is None and not self._there():
                return []
            tips = self._tip_memory()
            if failed is None:
                return tips.learn(lessons)
            tips.credit(shown, success=False)
            return await learn_tips(tips, [failed, *beside(self.memory, [failed])], model)
        except (MissingExtra, OtherVersion) as error:
            run.emit(Note(level="warning", text=f"nothing is learned from this run: {error}"))
            return []

    def _earlier(self, task: str, run: Run) -> list[dict[str, Any]]:
        name = run.info.arguments.get("conversation")
        if not name or not self._there():
            return []
        matches = self._bank().recall(name, task, k=EARLIER, order="time")
        return [_data(Match(match.entry.as_exemplar(), match.similarity)) for match in matches]

    def _advice(self, task: str) -> list[Match[Tip]]:
        if not self._there():
            return []
        return self._tip_memory().recall(task, TIPS)

    def _tip_memory(self) -> TipMemory:
        if self._tips is None:
            self._tips = TipMemory(self.memory.folder, embedder=self.memory.embedder)
        return self._tips

    def _bank(self) -> MemoryBank:
        if self._steps is None:
            self._steps = MemoryBank(self.memory.folder, embedder=self.memory.embedder)
        return self._steps

    def _there(self) -> bool:
        """Say whether the memory's folder exists: to look for something does not make one."""
        return self.memory.folder is None or self.memory.folder.exists()

    def _source(self) -> ExemplarMemory:
        memory = self.memory
        if memory.folder is None or (memory.folder.exists() and len(memory)):
            return memory
        if self._shipped is None:
            self._shipped = ExemplarMemory(embedder=with_shipped(memory.embedder))
            self._shipped.add_all(shipped())
        return self._shipped


def _data(match: Match[Any]) -> dict[str, Any]:
    entry = match.entry
    return {"kind": entry.KIND, "similarity": match.similarity, **entry.model_dump(mode="json")}
