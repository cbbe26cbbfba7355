"""``agentkit report``: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .flags import Flags


def report(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    *,
    flags: Flags,
) -> None:
    """Write report.html of a run: one file, no request to anywhere."""
    from ..runs.report import write_report
    from .terminal import print_json, show

    path = write_report(run, flags.out)
    if flags.json:
        print_json({"run": str(run), "report": str(path)})
    else:
        show(str(path))
    if open_it:
        typer.launch(path.absolute().as_uri())
