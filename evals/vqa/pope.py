"""POPE's format: is it there? JSON lines with ``image`` (a file name), ``text`` (the question) and ``label``.

As published (arXiv 2305.10355 and its code): the first sentence of a reply counts, "no" or "not" anywhere in it is no,
anything else is yes; precision, recall and F1 are about yes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agentkit.contracts.evaluation import Metric
from agentkit.errors import UsageError

from ..intervals import proportion
from ..rows import Row
from .item import Item

OPTIONS = ("yes", "no")
YES = 0


def load(file: Path, images: Path | None = None) -> list[Item]:
    """Return the items of a file; pictures are in ``images`` (default: the folder of the file).

    Raises ``UsageError`` for a file that is not in the format, or a picture that is missing.
    """
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    items = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            image, text, label = str(row["image"]), str(row["text"]), str(row["label"]).lower()
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{file}, line {number}, is not POPE's format: {error!r}") from error
        if label not in OPTIONS:
            raise UsageError(f"{file}, line {number}: a label is yes or no, not {label!r}")
        path = (images or file.parent) / image
        if not path.is_file():
            raise UsageError(f"there is no picture at {path}", mend="--images: the folder of the pictures")
        items.append(Item(str(number), file.stem, path, text, OPTIONS, OPTIONS.index(label)))
    if not items:
        raise UsageError(f"{file} holds no questions")
    return items


def judge(item: Item, answer: str) -> int:
    """Return 1 (no) for a reply whose first sentence says no or not, else 0 (yes)."""
    words = re.findall(r"[a-z']+", answer.partition(".")[0].lower())
    return 1 if {"no", "not"} & set(words) else YES


def metrics_of(rows: Sequence[Row]) -> dict[str, Metric]:
    """Return ``S/precision``, ``S/recall``, ``S/f1`` and ``S/yes`` (how often it is said) of every strategy S."""
    found: dict[str, Metric] = {}
    for name in dict.fromkeys(row["strategy"] for row in rows):
        mine = [row for row in rows if row["strategy"] == name]
        said = np.array([row["chosen"] == YES for row in mine])
        true = np.array([row["expected"] == OPTIONS[YES] for row in mine])
        found[f"{name}/precision"] = proportion(int((said & true).sum()), int(said.sum()))
        found[f"{name}/recall"] = proportion(int((said & true).sum()), int(true.sum()))
        found[f"{name}/f1"] = _f1(said, true)
        found[f"{name}/yes"] = proportion(int(said.sum()), len(said))
    return found


def _f1(said: np.ndarray, true: np.ndarray, resamples: int = 2000) -> Metric:
    """Return F1 with its bootstrap interval over items; 0 where yes is neither said nor true."""
    picks = np.random.default_rng(0).integers(0, len(said), (resamples, len(said)))
    many = _f1_of(said[picks], true[picks])
    low, high = np.percentile(many, [2.5, 97.5])
    return Metric(mean=float(_f1_of(said, true)), low=float(low), high=float(high), n=len(said))


def _f1_of(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    both, either = (said & true).sum(axis=-1), said.sum(axis=-1) + true.sum(axis=-1)
    return 2 * both / np.maximum(either, 1)
