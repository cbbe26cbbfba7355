"""Where a turn goes by what it is like: the examples of each ability, as sentence embeddings."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentkit.models.embed import Embedder

if TYPE_CHECKING:
    import numpy as np

# Of the ridge regression: fitted on the tuning turns of `agentkit eval routing` (0.02 to 0.1 do alike).
RIDGE = 0.05


class Nearness:
    """Scores turns against examples: the similarity to the nearest one of an ability, plus a ridge classifier.

    The nearest example alone errs when two abilities are asked for in alike words; the classifier (least squares on
    one-hot labels, abilities weighted alike) knows which directions tell them apart. Examples are embedded once a
    set; safe for several threads.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._known: dict[tuple[tuple[str, ...], ...], list[np.ndarray]] = {}
        self._lock = threading.Lock()

    def scores(self, text: str, shots: Mapping[str, Sequence[str]]) -> dict[str, float]:
        """Return a score for each ability: higher is nearer. ``shots`` are its examples, by name; none is empty."""
        import numpy as np

        vectors = self._vectors(tuple(tuple(of) for of in shots.values()))
        (query,) = self.embedder.embed([text])
        near = np.array([float(np.max(of @ query)) for of in vectors])
        total = near + _ridge(vectors, query)
        return dict(zip(shots, map(float, total), strict=True))

    def _vectors(self, sets: tuple[tuple[str, ...], ...]) -> list[np.ndarray]:
        with self._lock:
            if sets not in self._known:
                import numpy as np

                whole = self.embedder.embed([shot for of in sets for shot in of])
                ends = np.cumsum([len(of) for of in sets])
                self._known[sets] = np.split(whole, ends[:-1])
            return self._known[sets]


def _ridge(vectors: Sequence[np.ndarray], query: np.ndarray) -> np.ndarray:
    """Return the ridge classifier's value of each set for a query: (sets,)."""
    import numpy as np

    rows = np.concatenate(vectors)
    weights = np.concatenate([np.full(len(of), 1 / len(of)) for of in vectors])[:, None]
    labels = np.repeat(np.arange(len(vectors)), [len(of) for of in vectors])
    wanted = (labels[:, None] == np.arange(len(vectors))) - 1 / len(vectors)
    # The dual form: as many unknowns as examples, not as dimensions.
    scaled = rows * np.sqrt(weights)
    kernel = scaled @ scaled.T + RIDGE * np.eye(len(rows))
    return (scaled @ query) @ np.linalg.solve(kernel, wanted * np.sqrt(weights))
