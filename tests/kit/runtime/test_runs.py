"""Runs: pause, resume, replay, stop, budgets; and a kill -9 at every moment."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.contracts.event import EVENT, NodeEnded, RunEnded
from agentkit.contracts.result import Question, Result
from agentkit.contracts.runfile import AnswerRule, BudgetLimits
from agentkit.errors import ReplayError, RunError, UsageError
from agentkit.runs.folder import EVENTS, JOURNAL, RunFolder
from agentkit.runtime.ask import AnswersFile, Callback

from .counter import LAST, Counter

KILL_MOMENTS = range(1, 14)


def counter_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.kit.runtime.counter", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])


def effects(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "effects.txt").read_text().split()]


async def test_a_question_nobody_answers_pauses_the_run(tmp_path: Path) -> None:
    result = await Counter().arun("count", out=tmp_path / "r")
    assert result.status == "needs_input"
    assert result.question is not None
    assert (result.question.text, result.question.missing) == ("Who counts?", "name")
    assert effects(tmp_path / "r") == list(range(LAST))

    done = await Counter().aresume(result, "Ada")
    assert (done.status, done.answer, done.question) == ("done", "Ada counted 4", None)
    assert effects(tmp_path / "r") == list(range(LAST))
    assert done.steps == LAST


async def test_resuming_without_an_answer_asks_again(tmp_path: Path) -> None:
    first = await Counter().arun("count", out=tmp_path / "r")
    again = await Counter().aresume(tmp_path / "r")
    assert again.status == "needs_input"
    assert again.question == first.question


async def test_answerers_are_tried_in_turn(tmp_path: Path) -> None:
    seen: list[str] = []

    async def later(question: Question) -> str | None:
        seen.append(question.text)
        return "Bo"

    rules = AnswersFile([AnswerRule(match="colour", answer="red")])
    result = await Counter(answers=[rules, Callback(later)]).arun("count", out=tmp_path / "r")
    assert (result.status, result.answer) == ("done", "Bo counted 4")
    assert seen == ["Who counts?"]


async def test_a_replay_decides_the_same_and_does_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    await Counter(answers=[Callback(lambda q: "Cy")]).arun("count", out=folder)
    before = sorted((p.name, p.stat().st_mtime_ns) for p in folder.iterdir())
    again = await Counter().areplay(folder)
    assert (again.status, again.answer) == ("done", "Cy counted 4")
    assert effects(folder) == list(range(LAST))
    assert sorted((p.name, p.stat().st_mtime_ns) for p in folder.iterdir()) == before


async def test_a_replay_that_diverges_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    await Counter(answers=[Callback(lambda q: "Cy")]).arun("count", out=folder)
    lines = [line for line in (folder / JOURNAL).read_text().splitlines() if '"count 2"' not in line]
    (folder / JOURNAL).write_text("\n".join(lines) + "\n")
    with pytest.raises(ReplayError, match="count 2"):
        await Counter().areplay(folder)


async def test_a_spent_step_budget_is_a_result(tmp_path: Path) -> None:
    result = await Counter(budget=BudgetLimits(steps=2)).arun("count", out=tmp_path / "r")
    assert (result.status, result.answer, result.steps) == ("budget", " counted 2", 2)
    assert "2 steps" in (result.error or "")


async def test_a_spent_time_budget_is_a_result(tmp_path: Path) -> None:
    result = await Counter(budget=BudgetLimits(seconds=0)).arun("count", out=tmp_path / "r")
    assert result.status == "budget"


async def test_stop_and_pause_take_effect_between_steps(tmp_path: Path) -> None:
    for method, status in (("stop", "failed"), ("pause", "needs_input")):
        folder = tmp_path / method
        agent = Counter()

        def halt(node: str, update: object, agent: Counter = agent, method: str = method) -> None:
            getattr(agent, method)()

        agent.hooks.append(halt)
        result = await agent.arun("count", out=folder)
        assert result.status == status
        assert effects(folder) == [0]
        done = await Counter(answers=[Callback(lambda q: "Di")]).aresume(folder)
        assert (done.status, done.answer) == ("done", "Di counted 4")
        assert effects(folder) == list(range(LAST))


async def test_a_cancelled_run_can_be_resumed(tmp_path: Path) -> None:
    agent = Counter()
    work: asyncio.Task[Result] | None = None

    def cancel(node: str, update: object) -> None:
        assert work is not None
        work.cancel()

    agent.hooks.append(cancel)
    work = asyncio.ensure_future(agent.arun("count", out=tmp_path / "r"))
    with pytest.raises(asyncio.CancelledError):
        await work
    info = RunFolder.open(tmp_path / "r").info
    assert info.result is not None
    assert info.result.error == "interrupted"
    done = await Counter(answers=[Callback(lambda q: "Ed")]).aresume(tmp_path / "r")
    assert done.answer == "Ed counted 4"


async def test_events_are_streamed_then_the_result(tmp_path: Path) -> None:
    items = [item async for item in Counter().astream("count", out=tmp_path / "r")]
    assert isinstance(items[-1], Result)
    assert isinstance(items[-2], RunEnded)
    assert sum(isinstance(item, NodeEnded) for item in items) == LAST
    kept = [EVENT.validate_json(line) for line in (tmp_path / "r" / EVENTS).read_text().splitlines()]
    assert [event.kind for event in kept] == [item.kind for item in items[:-1]]
    assert [event.seq for event in kept] == list(range(len(kept)))


def test_the_sync_facade_gives_the_same(tmp_path: Path) -> None:
    agent = Counter(answers=[Callback(lambda q: "Flo")])
    assert agent.run("count", out=tmp_path / "r").answer == "Flo counted 4"


@pytest.mark.parametrize("moment", KILL_MOMENTS)
async def test_kill_at_every_moment_loses_and_doubles_nothing(tmp_path: Path, moment: int) -> None:
    folder = tmp_path / "r"
    killed = counter_process("start", str(folder), str(moment))
    assert killed.returncode == -signal.SIGKILL

    def answer(question: Question) -> str:
        if "may or may not" in question.text:
            # As a person would, look at the world before answering.
            return "no" if 2 in effects(folder) else "yes"
        return "Gus"

    result = await Counter(answers=[Callback(answer)]).aresume(folder)
    assert (result.status, result.answer) == ("done", "Gus counted 4")
    done = effects(folder)
    assert sorted(set(done)) == list(range(LAST)), "none lost"
    assert done.count(2) == 1, "the irreversible one is not doubled"
    assert (await Counter().areplay(folder)).answer == "Gus counted 4"


def test_another_process_can_resume_and_replay(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    assert json.loads(counter_process("start", str(folder)).stdout)["status"] == "needs_input"
    assert json.loads(counter_process("resume", str(folder), "Gus").stdout)["answer"] == "Gus counted 4"
    assert json.loads(counter_process("replay", str(folder)).stdout)["answer"] == "Gus counted 4"


async def test_a_torn_last_line_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    await Counter().arun("count", out=folder)
    with (folder / EVENTS).open("a") as file:
        file.write('{"seq": 99, "kind": "no')
    done = await Counter().aresume(folder, "Hal")
    assert done.answer == "Hal counted 4"
    for line in (folder / EVENTS).read_text().splitlines():
        EVENT.validate_json(line)


async def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    await Counter().arun("count", out=folder)
    head = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**head, "format": 99}))
    with pytest.raises(RunError, match="format 99"):
        await Counter().aresume(folder)


async def test_a_used_folder_and_an_empty_task_are_usage_errors(tmp_path: Path) -> None:
    await Counter().arun("count", out=tmp_path / "r")
    with pytest.raises(UsageError, match="already holds a run"):
        await Counter().arun("count", out=tmp_path / "r")
    with pytest.raises(UsageError, match="empty"):
        await Counter().arun("  ", out=tmp_path / "s")
    with pytest.raises(UsageError, match="not a run folder"):
        await Counter().aresume(tmp_path / "nothing")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
async def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    agent = Counter()

    def fill(node: str, update: object) -> None:
        events = folder / EVENTS
        if not events.is_symlink():
            events.rename(folder / "kept.jsonl")
            events.symlink_to("/dev/full")

    agent.hooks.append(fill)
    with pytest.raises(RunError, match="disk is full"):
        await agent.arun("count", out=folder)
    (folder / EVENTS).unlink()
    (folder / "kept.jsonl").rename(folder / EVENTS)
    done = await Counter(answers=[Callback(lambda q: "Ida")]).aresume(folder)
    assert done.answer == "Ida counted 4"
    assert effects(folder) == list(range(LAST))
