"""``agentkit resume``: go on with a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .flags import Flags


def resume(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    answer: Annotated[str | None, typer.Option("--answer", help="The answer to its question.")] = None,
    correction: Annotated[
        str | None,
        typer.Option("--correction", help="What should be different from now on (a web task)."),
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Go on with a paused, interrupted or killed run, with larger limits if they are given."""
    from ..errors import UsageError
    from ..runs.folder import RunFolder
    from .kinds import recorded_models, remake
    from .running import finish, run_agent
    from .script import KIND, ScriptedRun
    from .terminal import note

    folder = RunFolder.open(run)
    result = folder.info.result
    if result is not None and result.status == "done":
        if answer is not None or correction is not None:
            raise UsageError(f"{run} is done: there is nothing to answer or to correct")
        note("this run is done already")
        finish(result, flags)
        return
    if answer is not None and (result is None or result.question is None):
        raise UsageError(f"{run} has no open question", mend=f"agentkit resume {run}")
    if flags.limits():
        folder.info.budget |= flags.limits()
        folder.save()
    settings = flags.settings(**recorded_models(folder.info))
    if folder.info.agent == KIND:
        if correction is not None:
            raise UsageError("a run file takes no corrections", mend="correct the run of its step")
        scripted = ScriptedRun.reopen(folder, settings, flags.answerers())
        finish(run_agent(scripted, lambda: scripted.go(answer), flags), flags)
        return
    agent = remake(folder.info, settings, flags.answerers())
    finish(run_agent(agent, lambda: agent.aresume(run, answer, correction=correction), flags), flags)
