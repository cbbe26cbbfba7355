"""``agentkit run``: a scripted run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .flags import Flags


def run(
    file: Annotated[Path, typer.Argument(help="The run file (YAML).")],
    *,
    flags: Flags,
) -> None:
    """Do the steps of a run file in order, and check what each is expected to give."""
    from .running import finish, run_agent
    from .script import ScriptedRun, load_run_file

    loaded = load_run_file(file)
    settings = flags.settings(model=loaded.model)
    scripted = ScriptedRun.start(loaded, settings, flags.answerers(), flags.out)
    finish(run_agent(scripted, scripted.go, flags), flags)
