"""A source whose answers are kept: a run can be repeated, and nobody is asked twice."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from .source import Capability, Passage, Query, Source

_PASSAGES = TypeAdapter(list[Passage])


class Cached:
    """Keeps the answers of a source in a folder, one file a question; errors are not kept.

    ``seconds``: how long an answer is good, None for ever.
    """

    def __init__(self, source: Source, folder: Path | str, *, seconds: float | None = None) -> None:
        self._source = source
        self._folder = Path(folder).expanduser()
        self._seconds = seconds

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._source.capabilities

    async def search(self, query: Query, k: int = 5) -> list[Passage]:
        """Return the answer that was kept, else ask."""
        path = self._path(query, k)
        kept = self._kept(path)
        if kept is not None:
            return kept
        found = await self._source.search(query, k)
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        half.write_bytes(_PASSAGES.dump_json(found))
        half.replace(path)
        return found

    def _kept(self, path: Path) -> list[Passage] | None:
        try:
            if self._seconds is not None and time.time() - path.stat().st_mtime > self._seconds:
                return None
            return _PASSAGES.validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            # Of another version, or cut off: asked again and written over.
            return None

    def _path(self, query: Query, k: int) -> Path:
        image = query.image.sha256 if query.image is not None else None
        asked = json.dumps([self.name, query.text, image, query.image_url, query.want, k])
        return self._folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"
