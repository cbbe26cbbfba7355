"""Keys and values of prompts' beginnings that are kept between calls: in memory, and what is asked for on disk."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

log = logging.getLogger(__name__)

KeyValues = list[tuple[torch.Tensor, torch.Tensor]]
# Raised when what a file holds means something else.
FORMAT = 1


@dataclass
class Prefixes:
    """Keys and values of the last prompts, to start the next prompt where it first differs.

    Bounded by ``limit`` bytes; the least recently used go first. A prefix counts as shared only where token ids
    *and* marks (edits that touch a token, pictures) are equal, so a hit gives what a full pass would.
    """

    limit: int
    _entries: list[tuple[np.ndarray, KeyValues]] = field(default_factory=list)

    def longest(self, key: np.ndarray) -> tuple[int, KeyValues]:
        """Return the number of leading tokens that are kept, and their keys and values."""
        best, found = 0, -1
        for index, (kept, _) in enumerate(self._entries):
            length = common_prefix(kept, key)
            if length > best:
                best, found = length, index
        if found < 0:
            return 0, []
        entry = self._entries.pop(found)
        self._entries.append(entry)
        return best, [(k[:, :, :best], v[:, :, :best]) for k, v in entry[1]]

    def keep(self, key: np.ndarray, pairs: KeyValues) -> None:
        """Keep a prompt's keys and values; entries that are its prefixes are dropped."""
        size = _bytes(pairs)
        if size > self.limit:
            return
        self._entries = [entry for entry in self._entries if common_prefix(entry[0], key) < len(entry[0])]
        self._entries.append((key, pairs))
        while sum(_bytes(entry[1]) for entry in self._entries) > self.limit:
            self._entries.pop(0)

    def clear(self) -> None:
        self._entries.clear()


@dataclass(frozen=True)
class PrefixFolder:
    """Prefixes of one model as files, one each, bounded by ``limit`` bytes: the least recently used go first.

    ``model`` tells models (and number types) apart. A file that can't be read or written costs a pass, no answer.
    The folder is readable by this user only: a prefix tells what its text was.
    """

    folder: Path
    model: str
    limit: int = 2 * 2**30

    def get(self, key: np.ndarray) -> KeyValues | None:
        """Return the keys and values of exactly these tokens and marks, None when they are not there."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self._path(key)
        if not path.is_file():
            return None
        try:
            found = load_file(path)
            os.utime(path)
        except (OSError, SafetensorError) as error:
            log.warning("the kept prefix %s can't be read: %s", path, error)
            return None
        return [(found[f"{layer}.k"], found[f"{layer}.v"]) for layer in range(len(found) // 2)]

    def put(self, key: np.ndarray, pairs: KeyValues) -> None:
        """Keep the keys and values of these tokens and marks."""
        from safetensors.torch import save_file

        path = self._path(key)
        found: dict[str, torch.Tensor] = {}
        for layer, (k, v) in enumerate(pairs):
            found |= {f"{layer}.k": k.contiguous(), f"{layer}.v": v.contiguous()}
        draft = path.with_suffix(f".{os.getpid()}.new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            save_file(found, draft)
            draft.replace(path)
            self._shrink()
        except OSError as error:
            log.warning("the prefix %s can't be kept: %s", path, error)
            draft.unlink(missing_ok=True)

    def _path(self, key: np.ndarray) -> Path:
        found = hashlib.sha256(f"{FORMAT} {torch.__version__} {self.model} {key.shape}".encode())
        found.update(np.ascontiguousarray(key).tobytes())
        return self.folder / f"{found.hexdigest()}.safetensors"

    def _shrink(self) -> None:
        sizes = {path: path.stat() for path in self.folder.glob("*.safetensors")}
        used = sum(stat.st_size for stat in sizes.values())
        for path in sorted(sizes, key=lambda path: sizes[path].st_mtime):
            if used <= self.limit:
                return
            path.unlink(missing_ok=True)
            used -= sizes[path].st_size


def common_prefix(a: np.ndarray, b: np.ndarray) -> int:
    """Return how many leading rows two arrays share."""
    length = min(len(a), len(b))
    differs = np.flatnonzero((a[:length] != b[:length]).reshape(length, -1).any(1))
    return int(differs[0]) if differs.size else length


def _bytes(pairs: KeyValues) -> int:
    return sum(k.numel() * k.element_size() + v.numel() * v.element_size() for k, v in pairs)
