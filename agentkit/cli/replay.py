"""``agentkit replay``: repeat a run from its recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .flags import Flags


def replay(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    *,
    flags: Flags,
) -> None:
    """Repeat a run offline, and check that every action, question and answer is the same."""
    from ..contracts.event import EventBase
    from ..contracts.result import Result
    from ..errors import ReplayError
    from ..runs.compare import decisions, difference, recorded_events
    from ..runs.folder import RunFolder
    from .kinds import remake
    from .running import finish, run_agent
    from .terminal import note

    folder = RunFolder.open(run)
    recorded = decisions(recorded_events(folder))
    agent = remake(folder.info, flags.settings())
    seen: list[EventBase] = []
    agent.listeners.append(seen.append)
    diverged: ReplayError | None = None
    result: Result | None = None
    try:
        result = run_agent(agent, lambda: agent.areplay(run), flags)
    except ReplayError as error:
        diverged = error
    found = difference(folder.info.result, recorded, result, decisions(seen), diverged)
    if found is not None:
        raise ReplayError(found)
    count = f"{len(recorded)} decision" + ("s" if len(recorded) != 1 else "")
    if result is None:
        note(f"the same {count}, up to where the recorded run broke off", "green")
        result = folder.info.result or Result(
            status="failed", error="the recorded run broke off", run=str(run)
        )
        result = result.model_copy(update={"run": str(run)})
    else:
        note(f"the same {count}", "green")
    finish(result, flags)
