"""The ranks of a candidate generator, from its published pickle, read without running what a pickle may run."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentkit.errors import UsageError

# What scores are made of: numbers of numpy, and nothing that can be called to any effect.
_ALLOWED = {
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("collections", "OrderedDict"),
}


class _Numbers(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which scores do not need")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


class Ranks:
    """Ranks by sample and element: ``annotation_id_action_uid``, then backend node id; 0 is best."""

    def __init__(self, ranks: Mapping[str, Mapping[str, int]]) -> None:
        self._ranks = ranks

    @classmethod
    def load(cls, file: Path) -> Ranks:
        """Return the ranks of ``scores_all_data.pkl`` ({``scores``, ``ranks``}), of Mind2Web's own ranker.

        Only plain data and numpy numbers are read; a pickle that asks for anything else is refused, since to read
        it would be to run it. Raises ``UsageError``.
        """
        try:
            data = _Numbers(io.BytesIO(file.read_bytes())).load()
            ranks = data["ranks"]
            return cls({str(k): {str(i): int(rank) for i, rank in v.items()} for k, v in ranks.items()})
        except (
            OSError,
            pickle.UnpicklingError,
            EOFError,
            KeyError,
            TypeError,
            AttributeError,
            ValueError,
        ) as error:
            raise UsageError(f"{file} holds no ranks: {error}") from error

    def of(self, sample: str) -> Mapping[str, int]:
        """Return the ranks of a step, none when it has none."""
        return self._ranks.get(sample, {})
