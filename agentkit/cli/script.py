"""Run files: scripted runs, step by step, each in a run folder of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from ..content import Box
from ..contracts.event import Asked, Note, RunEnded, RunResumed, RunStarted
from ..contracts.result import Result, Status, Usage
from ..contracts.run import RunInfo
from ..contracts.runfile import BudgetLimits, Expectation, RunFile, RunStep
from ..errors import UsageError
from ..runs.compare import recorded_events
from ..runs.folder import RunFolder, new_id
from .kinds import agent_class, remake
from .terminal import result_json

if TYPE_CHECKING:
    from ..config import Settings
    from ..runtime.agent import GraphAgent
    from ..runtime.ask import Answerer
    from ..runtime.cast import Cast
    from ..runtime.run import Listener, Run

KIND = "runfile"
AGENTS = {"ask": "search", "web": "web", "chat": "chat", "tool": "tool"}


def load_run_file(path: Path) -> RunFile:
    """Return a run file with the paths of its pictures made whole. Raises ``UsageError`` that names the place."""
    if not path.is_file():
        raise UsageError(f"there is no run file {path}")
    try:
        file = RunFile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"{path}: {place + ': ' if place else ''}{first['msg']}", mend="agentkit schema runfile"
        ) from error
    for number, step in enumerate(file.steps, start=1):
        names = {name: str(path.parent / name) for name in step.images}
        for name, whole in names.items():
            if not Path(whole).is_file():
                raise UsageError(f"{path}: steps.{number}: there is no picture {name}")
        step.images = list(names.values())
        # A tool's argument names a picture as the list does.
        if step.tool is not None:
            step.arguments = {
                k: names.get(v, v) if isinstance(v, str) else v for k, v in step.arguments.items()
            }
    return file


@dataclass
class ScriptedRun:
    """A run file under way, or taken up again: steps that are done are kept, an unfinished one is resumed.

    ``last_run`` is the folder of the whole run.
    """

    folder: RunFolder
    file: RunFile
    settings: Settings
    answers: Sequence[Answerer] = ()
    listeners: list[Listener] = field(default_factory=list)
    _cast: Cast | None = None
    _run: Run | None = None

    @classmethod
    def start(
        cls, file: RunFile, settings: Settings, answers: Sequence[Answerer], out: Path | None
    ) -> ScriptedRun:
        """Return a new run of a run file, in a folder of its own."""
        from ..runtime.budget import limits_of

        limits = file.budget.model_dump(exclude_none=True) | limits_of(settings).model_dump(exclude_none=True)
        chosen = {name: getattr(settings, name) for name in ("model", "see", "decide")}
        info = RunInfo(
            id=new_id(),
            agent=KIND,
            task=file.name,
            arguments=file.model_dump(mode="json"),
            settings={"models": {name: value for name, value in chosen.items() if value is not None}},
            budget=limits,
            created=time.time(),
        )
        return cls(RunFolder.create(info, out, under=settings.runs), file, settings, answers)

    @classmethod
    def reopen(cls, folder: RunFolder, settings: Settings, answers: Sequence[Answerer]) -> ScriptedRun:
        """Return the run of a folder, to go on with it."""
        folder.info.attempt += 1
        folder.info.result = None
        folder.save()
        return cls(folder, RunFile.model_validate(folder.info.arguments), settings, answers)

    @property
    def last_run(self) -> Path:
        return self.folder.path

    async def go(self, answer: str | None = None) -> Result:
        """Do the steps in order; ``answer`` answers the open question. Stops at a step that can't go on."""
        from ..runtime.run import Run

        self._run = Run(self.folder)
        self._run.listeners.extend(self.listeners)
        first = self.folder.info.attempt == 1
        self._run.emit(
            RunStarted(agent=KIND, task=self.file.name)
            if first
            else RunResumed(attempt=self.folder.info.attempt)
        )
        results: list[Result] = []
        for number, step in enumerate(self.file.steps):
            result = self._finished(number, step)
            if result is None:
                self._run.emit(Note(text=f"step {number + 1}: {step.kind} {task_of(step)}"))
                result = await self._do(number, step, answer)
                answer = None
            results.append(result)
            for miss in self.unmet(number, result):
                self._run.emit(Note(level="error", text=f"step {number + 1}: {miss}"))
            if not _as_expected(step, result):
                break
        return self._end(results)

    async def aclose(self) -> None:
        """Close the models that the steps shared."""
        if self._cast is not None:
            await self._cast.aclose()

    def unmet(self, number: int, result: Result) -> list[str]:
        """Return which expectations of a step its result does not meet."""
        asked = any(
            isinstance(event, Asked) for event in recorded_events(RunFolder.open(self._place(number)))
        )
        return unmet(self.file.steps[number].expect, result, asked)

    def _place(self, number: int) -> Path:
        return self.folder.path / f"step-{number + 1:02d}"

    def _finished(self, number: int, step: RunStep) -> Result | None:
        if not (self._place(number) / "run.json").is_file():
            return None
        result = RunFolder.open(self._place(number)).info.result
        return result if result is not None and _as_expected(step, result) else None

    async def _do(self, number: int, step: RunStep, answer: str | None) -> Result:
        from ..runtime.ask import AnswersFile

        place = self._place(number)
        answers = [AnswersFile(step.answers), *self.answers] if step.answers else list(self.answers)
        limits = self._left(number)
        if (place / "run.json").is_file():
            folder = RunFolder.open(place)
            folder.info.budget = limits.model_dump(exclude_none=True)
            folder.save()
            agent = remake(folder.info, self.settings, answers)
            work: Callable[[], Awaitable[Result]] = lambda: agent.aresume(place, answer)  # noqa: E731
        else:
            options, arguments = call_of(step, self.file.name)
            make: Any = agent_class(AGENTS[step.kind])
            agent = make(settings=self.settings, answers=answers, **options)
            agent.limits = _tighter(agent.limits, limits)
            work = lambda: agent.arun(task_of(step), out=place, **arguments)  # noqa: E731
        return await self._with_shared_models(agent, work)

    async def _with_shared_models(self, agent: GraphAgent, work: Callable[[], Awaitable[Result]]) -> Result:
        if self._cast is None:
            self._cast = agent.cast
        agent.cast = self._cast
        agent.listeners.extend(self.listeners)
        return await work()

    def _left(self, number: int) -> BudgetLimits:
        """Return the budget of a step: the whole run's, less what the other steps took."""
        limits = BudgetLimits.model_validate(self.folder.info.budget)
        others = [RunFolder.open(self._place(n)).info.result for n in range(number)]
        took = sum((result.usage for result in others if result), Usage())
        used = {
            "steps": sum(result.steps for result in others if result),
            "calls": took.calls,
            "tokens": took.input_tokens + took.output_tokens,
            "cost": took.cost or 0.0,
            "seconds": took.seconds,
        }
        allowed = limits.model_dump(exclude_none=True)
        return BudgetLimits.model_validate(
            {name: max(value - used[name], 0) for name, value in allowed.items()}
        )

    def _end(self, results: list[Result]) -> Result:
        assert self._run is not None
        steps = list(zip(self.file.steps, results, strict=False))
        missed = [self.unmet(number, result) for number, result in enumerate(results)]
        last_step, last = steps[-1]
        status: Status = "done" if _as_expected(last_step, last) else last.status
        error = last.error if status == "failed" else None
        if status == "done" and any(missed):
            status = "failed"
        if any(missed):
            said = [
                f"step {number}: {miss}" for number, all_of in enumerate(missed, start=1) for miss in all_of
            ]
            error = "; ".join(said)
        output = {
            "name": self.file.name,
            "status": status,
            "steps": [
                {"kind": step.kind, "task": task_of(step), "result": result_json(result), "unmet": misses}
                for (step, result), misses in zip(steps, missed, strict=True)
            ],
        }
        whole = Result(
            status=status,
            answer=last.answer,
            evidence=last.evidence,
            question=last.question if status == "needs_input" else None,
            steps=sum(result.steps for result in results),
            usage=sum((result.usage for result in results), Usage()),
            run=str(self.folder.path),
            error=error,
            output=output,
        )
        self._run.emit(RunEnded(status=status, answer=whole.answer, error=error, usage=whole.usage))
        self.folder.info.result = whole
        self.folder.save()
        return whole


def task_of(step: RunStep) -> str:
    """Return what a step is about: its question, task, turn or tool."""
    return str(getattr(step, step.kind))


def call_of(step: RunStep, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a step's agent, and the arguments of its run."""
    given = dict(step.arguments)
    if step.kind == "ask":
        return {"strategy": step.strategy or "vstar"}, {"images": step.images, **given}
    if step.kind == "web":
        options = {"browser": given.pop("browser")} if "browser" in given else {}
        return options, {"url": step.url, **given}
    if step.kind == "chat":
        return {}, {"images": step.images, "conversation": name, **given}
    return {}, {"images": step.images, "arguments": given}


def unmet(expect: Expectation, result: Result, asked: bool) -> list[str]:
    """Return in words which expectations a result does not meet."""
    answer = result.answer or ""
    misses = []
    if expect.status is not None and result.status != expect.status:
        misses.append(f"the status is {result.status}, not {expect.status}")
    if expect.answer_contains is not None and expect.answer_contains.casefold() not in answer.casefold():
        misses.append(f"the answer {answer!r} does not contain {expect.answer_contains!r}")
    if expect.answer_matches is not None and not _matches(expect.answer_matches, answer):
        misses.append(f"the answer {answer!r} does not match {expect.answer_matches!r}")
    if expect.evidence_iou is not None:
        wanted = Box(*expect.evidence_iou.box)
        best = max((Box(*item.box).iou(wanted) for item in result.evidence if item.box), default=0.0)
        if best < expect.evidence_iou.least:
            misses.append(f"the best evidence overlaps {best:.2f}, not {expect.evidence_iou.least:g}")
    if expect.max_steps is not None and result.steps > expect.max_steps:
        misses.append(f"it took {result.steps} steps, more than {expect.max_steps}")
    if expect.asked is not None and asked != expect.asked:
        misses.append("it asked" if asked else "it did not ask")
    return misses


def _matches(pattern: str, answer: str) -> bool:
    try:
        return re.search(pattern, answer) is not None
    except re.error as error:
        raise UsageError(f"answer_matches {pattern!r} is not a regular expression: {error}") from error


def _as_expected(step: RunStep, result: Result) -> bool:
    """Return whether the run can go on after a step: it is done, or it ended as it was expected to."""
    return result.status == (step.expect.status or "done") or result.status == "done"


def _tighter(one: BudgetLimits, other: BudgetLimits) -> BudgetLimits:
    """Return the smaller limit of each kind."""
    a, b = one.model_dump(exclude_none=True), other.model_dump(exclude_none=True)
    return BudgetLimits.model_validate({k: min(x[k] for x in (a, b) if k in x) for k in a.keys() | b.keys()})
