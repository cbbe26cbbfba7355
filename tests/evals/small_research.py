"""The research benchmark on four of its questions and their documents; run as a program it is killed on its way.

``python -m tests.evals.small_research OUT N``: the process dies while the Nth row is being written, half of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentkit.config import Settings
from agentkit.evals.research import corpus
from agentkit.evals.research.questions import Item, make
from agentkit.evals.research.run import ARMS, run
from agentkit.evals.rows import Rows

# Tuning seeds. A calculation and a question of one search.
SEEDS = range(10_000, 10_060)
TWO = [arm for arm in ARMS if arm.name in ("two steps", "planner and critic")]


def asked() -> list[Item]:
    """Return a calculation and a question that needs one search, both without pictures."""
    items = [item for item in map(make, SEEDS) if item.picture is None and item.answerable]
    calculation = next(item for item in items if item.hops and not item.searches)
    search = next(item for item in items if item.searches == 1 and item.as_of is None)
    return [calculation, search]


async def evaluate(out: Path, said: list[str]) -> list[dict[str, Any]]:
    """Run two arms on the questions, over an index of their documents only."""
    items = asked()
    wanted = {name for item in items for name in item.documents}
    few: Sequence[corpus.Document] = [d for d in corpus.documents() if d.id in wanted][:4]
    every, corpus.documents = corpus.documents, lambda: few  # type: ignore[assignment]
    try:
        return await run(Settings.load(), out, TWO, items, say=said.append)
    finally:
        corpus.documents = every


def die_at(number: int) -> None:
    """Have the process killed in the middle of the write of a row."""
    add, calls = Rows.add, []

    def dying(self: Rows, rows: Sequence[dict[str, Any]]) -> None:
        calls.append(rows)
        if len(calls) < number:
            return add(self, rows)
        add(self, rows)
        file = self._file
        assert file is not None
        os.truncate(file, file.stat().st_size - 40)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    Rows.add = dying  # type: ignore[method-assign]


if __name__ == "__main__":
    die_at(int(sys.argv[2]))
    asyncio.run(evaluate(Path(sys.argv[1]), []))
