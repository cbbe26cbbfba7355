"""From a finished run to an exemplar."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import ValidationError

from agentkit.contracts.event import Remembered
from agentkit.errors import UsageError
from agentkit.runs.folder import EVENTS, RunFolder

from .exemplar import Exemplar
from .exemplars import ExemplarMemory


def remember_run(memory: ExemplarMemory, run: Path | str) -> Exemplar:
    """Keep the trajectory of a run that ended as done, and say so in the run's events.

    The run's result must carry a trajectory as its output: ``{"task", "site", "family", "steps": [{"observation",
    "action"}]}``. Raises ``UsageError`` when it has none, or did not end as done.
    """
    folder = RunFolder.open(Path(run))
    exemplar = exemplar_of(folder)
    memory.add(exemplar)
    event = Remembered(id=exemplar.id, task=exemplar.task, steps=len(exemplar.steps))
    event.seq, event.time = len(folder.lines(EVENTS)), time.time()
    folder.append(EVENTS, event.model_dump(mode="json", exclude_none=True))
    return exemplar


def exemplar_of(folder: RunFolder) -> Exemplar:
    """Return the trajectory of a finished run as an exemplar."""
    result = folder.info.result
    if result is None or result.status != "done":
        status = result.status if result else "not finished"
        raise UsageError(f"{folder.path} is {status}: only a run that is done is remembered")
    output = result.output
    if not isinstance(output, dict) or not output.get("steps"):
        raise UsageError(f"{folder.path} holds no trajectory: only runs that acted on a page are remembered")
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(folder.info.created))
    known = {name: output[name] for name in ("task", "site", "family", "steps") if name in output}
    try:
        return Exemplar.from_json(
            {"task": folder.info.task, **known, "run": folder.info.id, "created": created}
        )
    except ValidationError as error:
        raise UsageError(
            f"{folder.path} holds a trajectory of another shape: {error.errors()[0]['msg']}"
        ) from error
