"""Rows that an earlier start of the same command left: they must have been made in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentkit.errors import UsageError

from ..rows import Row


def check_alike(rows: Iterable[Row], **about: Any) -> None:
    """Raise ``UsageError`` when a row was made with something else than what is asked for now (a model, an index).

    A row that does not say (of an older version) is taken as it is.
    """
    for row in rows:
        for name, value in about.items():
            if row.get(name, value) != value:
                raise UsageError(
                    f"what is kept there was made with the {name} {row[name]!r}, not with {value!r}",
                    mend="another folder: --out (or --practice)",
                )
