"""From finished runs to what is kept of them: an exemplar of one that succeeded, tips from one that did not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentkit.contracts.event import Remembered
from agentkit.errors import UsageError
from agentkit.models import Model
from agentkit.runs.folder import EVENTS, RunFolder

from .distil import Trial, learn_tips
from .entry import now
from .exemplar import Exemplar
from .exemplars import ExemplarMemory
from .screen import describe_screen
from .tips import Tip, TipMemory

# The fields of a run's output that make a trajectory.
FIELDS = ("task", "site", "family", "steps")
# How many successes of a family a failure is laid beside.
BESIDE = 2


@dataclass
class Learned:
    """What was kept of some runs. ``credited`` counts earlier tips whose record they changed."""

    exemplars: list[Exemplar] = field(default_factory=list)
    tips: list[Tip] = field(default_factory=list)
    credited: int = 0


def remember_run(memory: ExemplarMemory, run: Path | str) -> Exemplar:
    """Keep the trajectory of a run that ended as done, and say so in the run's events.

    The run's result must carry a trajectory as its output: ``{"task", "site", "family", "steps": [{"observation",
    "action"}]}``. Raises ``UsageError`` when it has none, or did not end as done.
    """
    folder = RunFolder.open(Path(run))
    exemplar = exemplar_of(folder)
    memory.add(exemplar)
    _say(folder, exemplar.id, exemplar.task, len(exemplar.steps))
    return exemplar


async def learn_from_runs(
    exemplars: ExemplarMemory, tips: TipMemory, runs: Sequence[Path | str], model: Model | None = None
) -> Learned:
    """Keep what some runs teach: exemplars of those that are done, tips from those that are not.

    A failure is laid beside successes of its family, among these runs and the kept exemplars; with a model that
    model writes the tips, else rules do. Tips that a run had been shown are credited with how it ended, once a
    run. All runs are read before anything is kept. Raises ``UsageError`` for a run that has not ended or holds no
    trajectory.
    """
    opened = [RunFolder.open(Path(run)) for run in runs]
    trials = [trial_of(folder) for folder in opened]
    learned = Learned()
    for folder, trial in zip(opened, trials, strict=True):
        shown, again = _shown_tips(folder)
        if not again:
            learned.credited += tips.credit(shown, not trial.failed)
        if not trial.failed:
            learned.exemplars.append(remember_run(exemplars, folder.path))
    if any(trial.failed for trial in trials):
        learned.tips = await learn_tips(tips, [*trials, *beside(exemplars, trials)], model)
    for folder, trial in zip(opened, trials, strict=True):
        mine = [tip for tip in learned.tips if trial.failed and trial.exemplar.run in tip.runs]
        for tip in mine:
            _say(folder, tip.id, trial.exemplar.task, 0)
        if trial.failed and not mine:
            # So that it is not credited a second time.
            _say(folder, "", trial.exemplar.task, 0)
    return learned


def exemplar_of(folder: RunFolder) -> Exemplar:
    """Return the trajectory of a finished run as an exemplar, with its first screenshot."""
    result = folder.info.result
    if result is None or result.status != "done":
        status = result.status if result else "not finished"
        raise UsageError(f"{folder.path} is {status}: only a run that is done is remembered")
    return _trajectory(folder, folder.lines(EVENTS))


def trial_of(folder: RunFolder) -> Trial:
    """Return a finished run, however it ended, as it is distilled. Raises ``UsageError`` for one that has not ended."""
    result = folder.info.result
    if result is None or result.status == "needs_input":
        raise UsageError(f"{folder.path} has not ended", mend=f"agentkit resume {folder.path}")
    events = folder.lines(EVENTS)
    tried = tuple(event["choice"] for event in events if event["kind"] == "decided")
    return Trial(_trajectory(folder, events), tried, result.error or result.answer or "")


def _trajectory(folder: RunFolder, events: Sequence[dict[str, Any]]) -> Exemplar:
    result = folder.info.result
    assert result is not None, "only runs that ended have a trajectory"
    output = result.output if isinstance(result.output, dict) else {}
    steps = output.get("steps") or (_tried_steps(events) if result.status != "done" else [])
    if not steps:
        raise UsageError(f"{folder.path} holds no trajectory: only runs that acted on a page are remembered")
    seen = next(
        (event["image"] for event in events if event["kind"] == "observed" and "image" in event), None
    )
    known = {name: output[name] for name in FIELDS if name in output}
    data = {
        "task": folder.info.task,
        **known,
        "steps": steps,
        "run": folder.info.id,
        "created": now(folder.info.created),
        "outcome": result.status,
        "screen": describe_screen(folder.get_image(seen)) if seen else "",
    }
    try:
        return Exemplar.from_json(data)
    except ValidationError as error:
        raise UsageError(
            f"{folder.path} holds a trajectory of another shape: {error.errors()[0]['msg']}"
        ) from error


def _tried_steps(events: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Return what a run decided on which page, when nothing of it had an effect."""
    steps, page = [], ""
    for event in events:
        if event["kind"] == "observed":
            page = event["text"]
        elif event["kind"] == "decided":
            steps.append({"observation": page, "action": event["choice"]})
    return steps


def beside(memory: ExemplarMemory, trials: Sequence[Trial]) -> list[Trial]:
    """Return kept successes of the families of failures, for a comparison."""
    given = {trial.exemplar.id for trial in trials}
    found: list[Trial] = []
    for trial in trials:
        family = trial.exemplar.family
        if trial.failed and family and not any(other.exemplar.family == family for other in found):
            near = memory.retrieve(trial.exemplar.task, trial.exemplar.steps[0].observation, k=20)
            kin = [m.entry for m in near if m.entry.family == family and m.entry.id not in given]
            found += [Trial(exemplar) for exemplar in kin[:BESIDE]]
    return found


def _shown_tips(folder: RunFolder) -> tuple[list[str], bool]:
    """Return the ids of the tips that a run was shown, and whether it was learned from before."""
    events = folder.lines(EVENTS)
    items = [item for event in events if event["kind"] == "recalled" for item in event["items"]]
    shown = [item["id"] for item in items if item.get("kind") == "tip"]
    return list(dict.fromkeys(shown)), any(event["kind"] == "remembered" for event in events)


def _say(folder: RunFolder, id: str, task: str, steps: int) -> None:
    event = Remembered(id=id, task=task, steps=steps)
    event.seq, event.time = len(folder.lines(EVENTS)), time.time()
    folder.append(EVENTS, event.model_dump(mode="json", exclude_none=True))
