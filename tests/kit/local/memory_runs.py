"""Run folders as the web agent leaves them, made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentkit.content import Image
from agentkit.contracts.event import Decided, Observed, Recalled
from agentkit.contracts.result import Result, Status
from agentkit.contracts.run import RunInfo
from agentkit.runs.folder import EVENTS, RunFolder


def a_run(
    path: Path,
    task: str,
    actions: list[str],
    *,
    status: Status = "done",
    family: str = "login",
    effective: list[str] | None = None,
    screen: Image | None = None,
    tips: list[str] | None = None,
    error: str | None = None,
) -> Path:
    """Write a run; ``effective`` are the actions that changed something (all), ``tips`` the tips it was shown."""
    folder = RunFolder.create(RunInfo(id=path.name, agent="web", task=task, created=1.7e9), path)
    image = folder.put_image(screen) if screen else None
    events: list[Any] = []
    if tips:
        events.append(Recalled(query=task, items=[{"kind": "tip", "id": id, "text": "x"} for id in tips]))
    for action in actions:
        events.append(Observed(url="http://site/", text="page", image=image))
        events.append(Decided(choice=action))
    for number, event in enumerate(events):
        event.seq = number
        folder.append(EVENTS, event.model_dump(mode="json", exclude_none=True))
    steps = [
        {"observation": "page", "action": action} for action in (actions if effective is None else effective)
    ]
    output = {"task": task, "site": "site", "family": family, "steps": steps}
    folder.info.result = Result(status=status, output=output, error=error)
    folder.save()
    return path
