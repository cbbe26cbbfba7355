"""``agentkit eval vstar``: V*Bench's published layout, and the benchmark that ``agentkit scenes make`` makes in it.

A folder of folders (any names); in each, pictures and, beside every picture, a JSON file of the same stem with
``question``, ``options`` (the first one is right), ``target_object`` and ``bbox`` (a list of left, top, width, height
in pixels). ``kind`` and ``placement`` are extra keys of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentkit.content import Box
from agentkit.errors import UsageError

from .item import Item, are_different, order_of

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def load(folder: Path) -> list[Item]:
    """Return the items of a folder, their options in an order that the item's name decides.

    Likelihoods don't depend on the order; a model that writes its answer would learn that the first one is right.
    Raises ``UsageError`` when there are none, or for a file that is not in the format.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", mend=f"agentkit scenes make {folder}")
    items = [item for file in sorted(folder.rglob("*.json")) for item in _load(folder, file)]
    if not items:
        raise UsageError(
            f"{folder} holds no items", mend="a picture and a JSON file of the same stem for each"
        )
    return items


def _load(folder: Path, file: Path) -> Iterator[Item]:
    """Yield the item of a JSON file; none of one without a picture of its stem, which is something else."""
    beside = (file.with_suffix(form) for suffix in PICTURES for form in (suffix, suffix.upper()))
    image = next((path for path in beside if path.is_file()), None)
    if image is None:
        return
    name = file.relative_to(folder).with_suffix("").as_posix()
    try:
        data: dict[str, Any] = json.loads(file.read_text("utf-8"))
        options = [str(option) for option in data["options"]]
        boxes = tuple(Box.of(x, y, x + w, y + h) for x, y, w, h in data.get("bbox") or [])
        targets = tuple(str(target) for target in data.get("target_object") or [])
        question = str(data["question"])
    except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise UsageError(f"{file} is not in V*Bench's format: {type(error).__name__}: {error}") from error
    if len(options) < 2 or not are_different(options):
        raise UsageError(f"{file} does not have at least two different options")
    if len(targets) != len(boxes):
        raise UsageError(f"{file} has {len(targets)} targets and {len(boxes)} boxes")
    order = order_of(name, len(options))
    yield Item(
        name=name,
        group=file.parent.relative_to(folder).as_posix() if file.parent != folder else folder.resolve().name,
        image=image,
        question=question,
        options=tuple(options[index] for index in order),
        right=order.index(0),
        targets=targets,
        boxes=boxes,
        kind=str(data.get("kind") or ""),
        placement=str(data.get("placement") or ""),
    )
