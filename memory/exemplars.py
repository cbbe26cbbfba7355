"""The exemplar memory: past trajectories, found again by task, state and screenshot."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, cast

from agentkit.config import Settings
from agentkit.content import Image

from .collection import open_vectors
from .entry import Match
from .exemplar import Exemplar, specifier
from .screen import SCREEN, describe_screen, screen_vector
from .store import Store, largest_first, parse_lines

if TYPE_CHECKING:
    import numpy as np
    from chromadb import Collection

VARIABLE = "AGENTKIT_MEMORY"
FOLDER = "agentkit-memory"
# How much the screenshot counts beside task and state, where both the query and the exemplar have one
# (0.2 to 0.5 were alike on tuning seeds; docs/memory.md).
SCREEN_WEIGHT = 0.3
# How many neighbours by each of the two views are looked at before they are put together.
CANDIDATES = 30


def default_folder(settings: Settings | None = None) -> Path:
    """Return where memories are kept: ``AGENTKIT_MEMORY``, else ``agentkit-memory`` beside the folder of runs.

    Not ``memory``: a project may have a folder of that name which holds something else, as agentkit's own does.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return (settings or Settings.load()).runs.resolve().parent / FOLDER


class ExemplarMemory(Store[Exemplar]):
    """Trajectories, embedded by task and first state, and by the first screenshot where there is one.

    A full memory loses the oldest exemplar of the family that has most. See ``Store`` for the rest.
    """

    ENTRY = Exemplar
    COLLECTION = "exemplars"
    SCREENS = "screens"

    _screens: Collection | None = None

    def retrieve(
        self,
        task: str,
        observation: str = "",
        k: int = 3,
        *,
        screen: Image | None = None,
        outcome: str | None = "done",
    ) -> list[Match[Exemplar]]:
        """Return the ``k`` exemplars nearest to a task in a state, nearest first.

        With a screenshot the similarity is 0.7 of that of the texts and 0.3 of that of the pictures.
        """
        where = {"outcome": outcome} if outcome else None
        text = specifier(task, observation)
        vector = screen_vector(describe_screen(screen)) if screen is not None else None
        if vector is None:
            return self.nearest(text, k, where)
        with self._lock:
            found = self.nearest(text, max(k, CANDIDATES), where)
            alike = self._alike(vector, max(k, CANDIDATES))
            found += self._also(text, set(alike) - {match.entry.id for match in found}, outcome)
        return _mixed(found, vector)[:k]

    def recall(
        self, task: str, observation: str = "", k: int = 3, *, screen: Image | None = None, most: int = 4
    ) -> list[Match[Exemplar]]:
        """Return the exemplars of the family that wins the vote of the ``k`` nearest, nearest first.

        As in Synapse (section 3.3, arXiv 2306.07863): top-k by similarity, majority vote on the family, a tie goes
        to the family of the nearest, and the winner's set as a whole, here up to ``most`` of its nearest.
        """
        nearest = self.retrieve(task, observation, k, screen=screen)
        if not nearest:
            return []
        family = vote(nearest)
        found = self.retrieve(task, observation, len(self), screen=screen)
        return [match for match in found if match.entry.family == family][:most]

    def leaving(self, entries: Sequence[Exemplar]) -> list[Exemplar]:
        return largest_first(super().leaving(entries), lambda exemplar: exemplar.family)

    # Inside.

    def _insert(self, batch: Sequence[Exemplar]) -> None:
        super()._insert(batch)
        vectors = {item.id: screen_vector(item.screen) for item in batch if item.screen}
        known = {id: vector for id, vector in vectors.items() if vector is not None}
        if known:
            self._pictures().upsert(ids=list(known), embeddings=list(known.values()))

    def _remove(self, ids: Sequence[str]) -> None:
        super()._remove(ids)
        if ids and self._pictures().count():
            self._pictures().delete(ids=list(ids))

    def _alike(self, vector: np.ndarray, k: int) -> list[str]:
        pictures = self._pictures()
        count = pictures.count()
        if count == 0:
            return []
        found = pictures.query(query_embeddings=[vector], n_results=min(k, count), include=["distances"])
        return found["ids"][0]

    def _also(self, text: str, ids: set[str], outcome: str | None) -> list[Match[Exemplar]]:
        """Return exemplars that only the picture brought up, with the similarity of their texts."""
        if not ids:
            return []
        rows = self._collection().get(ids=sorted(ids), include=["metadatas", "embeddings"])
        query = self.embedder.embed([text])[0]
        found = []
        for row, vector in zip(rows["metadatas"] or [], cast("np.ndarray", rows["embeddings"]), strict=True):
            entry = self._entry(row)
            if outcome is None or entry.outcome == outcome:
                found.append(Match(entry, float(query @ vector)))
        return found

    def _pictures(self) -> Collection:
        with self._lock:
            if self._screens is None:
                self._screens = open_vectors(f"{self.SCREENS}-{SCREEN}", self.folder, SCREEN)
            return self._screens


def _mixed(found: Sequence[Match[Exemplar]], vector: np.ndarray) -> list[Match[Exemplar]]:
    """Return matches by texts as matches by texts and pictures, nearest first.

    An exemplar without a picture counts as if its picture were as near as those of the others are on average.
    """
    own = [screen_vector(match.entry.screen) if match.entry.screen else None for match in found]
    near = [None if picture is None else float(picture @ vector) for picture in own]
    known = [value for value in near if value is not None]
    if not known:
        return list(found)
    usual = sum(known) / len(known)
    mixed = [
        Match(
            match.entry,
            (1 - SCREEN_WEIGHT) * match.similarity + SCREEN_WEIGHT * (usual if value is None else value),
        )
        for match, value in zip(found, near, strict=True)
    ]
    return sorted(mixed, key=lambda match: (-match.similarity, match.entry.id))


def vote(nearest: Sequence[Match[Exemplar]]) -> str:
    """Return the family that most of the nearest share; a tie goes to the family of the nearest."""
    counts = Counter(match.entry.family for match in nearest)
    most = max(counts.values())
    return next(match.entry.family for match in nearest if counts[match.entry.family] == most)


def shipped() -> list[Exemplar]:
    """Return the exemplars that come with the package."""
    file = files("agentkit.memory").joinpath("exemplars_miniwob.jsonl")
    if not file.is_file():
        return []
    lines = parse_lines(file.read_text("utf-8"), file.name, {Exemplar.KIND: Exemplar})
    return cast("list[Exemplar]", lines)
