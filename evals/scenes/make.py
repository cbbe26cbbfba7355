"""Writes a benchmark of visual search into a folder, in V*Bench's own layout.

``DIR/direct_attributes/10000.jpg`` and ``.json`` beside it, and so on; ``DIR/manifest.json`` says how it was made. A
second call goes on where the first one ended: an item whose two files are there is not made again.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from agentkit.errors import UsageError

from .benchmark import FOLDERS, WIDTHS, make_item, plan_of

VERSION = 1
QUALITY = 92
MANIFEST = "manifest.json"


def make(
    folder: Path,
    items: int = 300,
    seed: int = 1,
    *,
    workers: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Make the items of ``seed``, ``seed`` + 1, ... and return the manifest, with the number of ``made`` ones.

    Raises ``UsageError`` when the folder holds a benchmark of another seed or version: two in one folder would be
    one benchmark that nobody asked for.
    """
    manifest = {"name": "agentkit-search", "version": VERSION, "seed": seed, "items": items, "widths": WIDTHS}
    manifest |= {"quality": QUALITY, "kinds": Counter(plan_of(s).kind for s in range(seed, seed + items))}
    _check(folder / MANIFEST, manifest)
    for name in set(FOLDERS.values()):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # Written first, so that an interrupted benchmark is known for what it is.
    _replace(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    missing = [s for s in range(seed, seed + items) if not _is_made(folder, s)]
    for done, _ in enumerate(_write_all(folder, missing, workers), 1):
        if done % 10 == 0 or done == len(missing):
            say(f"{done} of {len(missing)} made")
    return {"data": str(folder), **manifest, "made": len(missing)}


def _check(file: Path, manifest: dict[str, Any]) -> None:
    if not file.is_file():
        return
    try:
        known = json.loads(file.read_text("utf-8"))
        same = all(known[key] == manifest[key] for key in ("name", "version", "seed"))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} is no manifest of a benchmark", mend="choose an empty folder") from error
    if not same:
        raise UsageError(
            f"{file.parent} holds {known['name']} version {known['version']} of seed {known['seed']}",
            mend="choose an empty folder",
        )


def _write_all(folder: Path, seeds: list[int], workers: int) -> Iterator[None]:
    if workers == 1 or len(seeds) < 2:
        for seed in seeds:
            yield _write(folder, seed)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(partial(_write, folder), seeds)


def _write(folder: Path, seed: int) -> None:
    """Write the picture, then its question: an item with a question is whole."""
    item = make_item(seed)
    buffer = BytesIO()
    item.image.save(buffer, "JPEG", quality=QUALITY)
    picture, question = _paths(folder, seed)
    _replace(picture, buffer.getvalue())
    _replace(question, json.dumps(item.data(), indent=1).encode())


def _is_made(folder: Path, seed: int) -> bool:
    return all(path.is_file() for path in _paths(folder, seed))


def _paths(folder: Path, seed: int) -> tuple[Path, Path]:
    stem = folder / plan_of(seed).folder / f"{seed:05d}"
    return stem.with_suffix(".jpg"), stem.with_suffix(".json")


def _replace(file: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(data)
    os.replace(part, file)
