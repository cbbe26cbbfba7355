"""Vectors of the exemplars that ship, so that a first run does not have to make them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from agentkit.models.embed import Embedder, embedder_version

if TYPE_CHECKING:
    import numpy as np

FILE = "exemplars_miniwob.npz"


class Precomputed:
    """An embedder that has the vectors of some texts at hand, and makes those of others with ``embedder``."""

    def __init__(self, embedder: Embedder, known: dict[str, np.ndarray]) -> None:
        self._embedder, self._known = embedder, known

    @property
    def reference(self) -> str:
        return self._embedder.reference

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return an array of shape (texts, dimension), as ``Embedder.embed``."""
        import numpy as np

        found = [self._known.get(_digest(text)) for text in texts]
        unknown = [text for text, vector in zip(texts, found, strict=True) if vector is None]
        made = iter(self._embedder.embed(unknown)) if unknown else iter(())
        rows = [next(made) if vector is None else vector for vector in found]
        return np.stack(rows) if rows else np.zeros((0, self.dimension), np.float32)


def with_shipped(embedder: Embedder) -> Embedder:
    """Return an embedder that knows the exemplars that ship; the same one when another made their vectors."""
    made_by, known = _shipped()
    return Precomputed(embedder, known) if made_by == _maker(embedder) else embedder


def write(path: Path, texts: Sequence[str], embedder: Embedder) -> None:
    """Write the vectors of texts, and what made them, as ``with_shipped`` reads them."""
    import numpy as np

    digests = [_digest(text) for text in texts]
    np.savez_compressed(path, made_by=_maker(embedder), digests=digests, vectors=embedder.embed(texts))


@cache
def _shipped() -> tuple[str, dict[str, np.ndarray]]:
    import numpy as np

    with as_file(files("agentkit.memory").joinpath(FILE)) as path, np.load(path) as data:
        vectors = dict(zip(data["digests"].tolist(), data["vectors"], strict=True))
        return str(data["made_by"]), vectors


def _maker(embedder: Embedder) -> str:
    return f"{embedder.reference} {embedder_version(embedder.reference)}".strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
