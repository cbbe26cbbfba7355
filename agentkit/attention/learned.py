"""What a method has learned of a model: named tensors with their story, saved as one safetensors file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError


@dataclass(frozen=True, eq=False)
class Learned:
    """Named float32 arrays, and plain data about them (method, model, layers, heads, how they were fitted).

    Equal and hashed by content, so an edit that holds one is part of the key of the response cache.
    """

    arrays: Mapping[str, np.ndarray]
    about: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """sha256 of the content."""
        found = hashlib.sha256(json.dumps(dict(self.about), sort_keys=True).encode())
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            found.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
        return found.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Learned) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def describe(self) -> dict[str, Any]:
        """Return plain data: what it is about, and the digest."""
        return {**self.about, "sha256": self.digest}

    def save(self, path: Path | str) -> Path:
        """Write one safetensors file; return its path."""
        from safetensors.numpy import save_file

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        save_file(arrays, path, metadata={"about": json.dumps(dict(self.about))})
        return path

    @classmethod
    def load(cls, path: Path | str) -> Learned:
        """Read what ``save`` wrote. Raises ``UsageError`` for a file that is missing or of another kind."""
        from safetensors import SafetensorError, safe_open

        if not Path(path).is_file():
            raise UsageError(f"there is no file {path}")
        try:
            with safe_open(path, "np") as file:
                about = json.loads((file.metadata() or {})["about"])
                return cls({name: file.get_tensor(name) for name in file.keys()}, about)  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError) as error:
            raise UsageError(f"{path} holds nothing that a method has learned: {error}") from error
