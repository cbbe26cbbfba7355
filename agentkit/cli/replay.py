"""``agentkit replay``: repeat a run from its recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .flags import Flags

if TYPE_CHECKING:
    from ..contracts.result import Result
    from ..runs.folder import RunFolder


def replay(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    *,
    flags: Flags,
) -> None:
    """Repeat a run offline, and check that it decides the same; exit code 0 if so, else 5."""
    from ..runs.folder import RunFolder
    from .running import show_result
    from .script import KIND
    from .terminal import counted, note, print_json

    folder = RunFolder.open(run)
    if folder.info.agent == KIND:
        # The steps of a run file are runs of their own; what it makes of them is not decided but counted.
        steps = [RunFolder.open(head.parent) for head in sorted(run.glob("step-*/run.json"))]
        count = sum(_repeat(step, flags)[1] for step in steps)
        result = _recorded(folder)
    else:
        result, count = _repeat(folder, flags)
    note(f"the same {counted(count, 'decision')}", "green")
    # The same decisions are what was wanted, however the run ended.
    print_json(result) if flags.json else show_result(result)


def _repeat(folder: RunFolder, flags: Flags) -> tuple[Result, int]:
    """Replay one run; return its result and how many decisions were compared. Raises ``ReplayError``."""
    from ..contracts.event import EventBase
    from ..errors import ReplayError
    from ..runs.compare import decisions, difference, recorded_events
    from .kinds import remake
    from .running import run_agent
    from .terminal import note

    recorded = decisions(recorded_events(folder))
    agent = remake(folder.info, flags.settings())
    seen: list[EventBase] = []
    agent.listeners.append(seen.append)
    diverged: ReplayError | None = None
    result: Result | None = None
    try:
        result = run_agent(agent, lambda: agent.areplay(folder.path), flags)
    except ReplayError as error:
        diverged = error
    found = difference(folder.info.result, recorded, result, decisions(seen), diverged)
    if found is not None:
        raise ReplayError(f"{folder.path}: {found}")
    if result is None:
        note("the recorded run broke off here", "dim")
    return result or _recorded(folder), len(recorded)


def _recorded(folder: RunFolder) -> Result:
    from ..contracts.result import Result

    recorded = folder.info.result or Result(status="failed", error="the recorded run broke off")
    return recorded.model_copy(update={"run": str(folder.path)})
