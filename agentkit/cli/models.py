"""``agentkit models``: which models there are, what plays which role, what is missing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .flags import Flags

if TYPE_CHECKING:
    from ..models.listing import Row


def models(
    load: Annotated[
        bool, typer.Option("--load", help="Load each model that plays a role or is named.")
    ] = False,
    *,
    flags: Flags,
) -> None:
    """List models: references, roles, capabilities, and what is missing."""
    from ..models.listing import is_pattern, load_row, rows_of
    from .terminal import print_json

    settings = flags.settings()
    rows = list(rows_of(settings))
    if load:
        for row in rows:
            if row.state == "ready" and not is_pattern(row.reference):
                load_row(row, settings)
    if flags.json:
        print_json([asdict(row) for row in rows])
    else:
        _table(rows)


def _table(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    from .terminal import out

    styles = {"ready": "green", "loaded": "green", "missing": "yellow", "failed": "red"}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("reference", "what it is", "roles", "can", "state"):
        table.add_column(name, overflow="fold")
    for row in rows:
        known = row.capabilities or {}
        can = ", ".join(
            name if value is True else f"{name} {value}" for name, value in known.items() if value
        )
        state = Text(row.state, style=styles[row.state])
        if row.mend:
            state.append(f": {row.mend}", style="default")
        table.add_row(Text(row.reference), row.what, ", ".join(row.roles), Text(can or "?"), state)
    out().print(table, soft_wrap=False)
