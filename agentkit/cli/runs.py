"""``agentkit runs``: the runs of a folder, newest first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .flags import Flags

if TYPE_CHECKING:
    from ..runs.folder import RunFolder


def runs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")] = 20,
    *,
    flags: Flags,
) -> None:
    """List runs: when, which agent, how they ended, what they were about."""
    from itertools import islice

    from ..runs.folder import runs_under
    from .terminal import note, print_json

    settings = flags.settings()
    root = flags.out or settings.runs
    found = [_row(folder) for folder in islice(runs_under(root), limit)]
    if flags.json:
        print_json(found)
    elif found:
        _table(found)
    else:
        note(f"there are no runs in {root}")


def _row(folder: RunFolder) -> dict[str, Any]:
    info, result = folder.info, folder.info.result
    return {
        "run": str(folder.path),
        "id": info.id,
        "agent": info.agent,
        "task": info.task,
        # A run without a result is still running, or was killed.
        "status": result.status if result else "unfinished",
        "answer": result.answer if result else None,
        "steps": result.steps if result else None,
        "created": info.created,
    }


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from .terminal import out, plain

    styles = {"done": "green", "needs_input": "yellow", "budget": "yellow", "failed": "red"}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("run", "when", "agent", "status", "task"):
        table.add_column(name, overflow="fold" if name == "run" else "ellipsis", no_wrap=name != "run")
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["created"]))
        status = Text(row["status"], style=styles.get(row["status"], "dim"))
        table.add_row(plain(row["run"]), when, plain(row["agent"]), status, Text(plain(row["task"], 80)))
    out().print(table, soft_wrap=False)
