"""Runs an agent for a command: progress, Ctrl-C, the result, the exit code."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.text import Text

from ..content.box import box_text
from ..contracts.result import Evidence, Result, Usage
from .exits import INTERRUPTED, code_of
from .flags import Flags, asks_here
from .interrupts import taking_part
from .progress import progress
from .terminal import complain, counted, note, out, plain, print_json, show, show_question

if TYPE_CHECKING:
    from ..runtime.run import Listener


class Runner(Protocol):
    """What can be run: an agent, or a run file."""

    listeners: list[Listener]

    @property
    def last_run(self) -> Path | None: ...

    async def aclose(self) -> None: ...


def run_agent(
    agent: Runner, start: Callable[[], Awaitable[Result]], flags: Flags, listener: Listener | None = None
) -> Result:
    """Run an agent with progress lines (or another ``listener``); an interrupted run says how to go on with it.

    Ctrl-C lets the user correct an agent that can be corrected; with ``--no-input`` it pauses it.
    """
    agent.listeners.append(listener or progress())

    async def work() -> Result:
        with taking_part(agent, asks=asks_here(flags), pauses=flags.no_input) as part:
            try:
                return await start()
            except asyncio.CancelledError:
                if agent.last_run is not None:
                    note(f"interrupted; go on with: {resume_command(str(agent.last_run))}", "yellow")
                if part is not None and part.leaving:
                    raise KeyboardInterrupt from None
                raise
            finally:
                if part is not None:
                    await part.close()
                await agent.aclose()

    return wait_for(work())


def wait_for(work: Any) -> Any:
    """Run a coroutine to its end. Ctrl-C cancels it, lets it tidy up, and leaves at once."""
    runner = asyncio.Runner()
    try:
        result = runner.run(work)
    except KeyboardInterrupt:
        # A model that computes in a thread can't be stopped; waiting for it is not what Ctrl-C asks for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    except BaseException:
        runner.close()
        raise
    runner.close()
    return result


def resume_command(run: str, answer: str = "") -> str:
    """Return the command that goes on with a run."""
    return f"agentkit resume {shlex.quote(run)}" + (f" --answer {answer}" if answer else "")


def finish(result: Result, flags: Flags, report: Path | None = None) -> None:
    """Print a result, write its report to a file if one is named, and leave with its exit code."""
    if flags.json:
        print_json(result)
    else:
        show_result(result)
    if report is not None and result.run:
        from ..runs.report import write_report

        note(f"report: {write_report(Path(result.run), report)}", "dim")
    if result.status == "needs_input" and result.question is not None:
        if not flags.json:
            show_question(result.question)
        note(f"answer with: {resume_command(result.run or 'RUN', 'TEXT')}", "yellow")
    elif result.status == "budget" and result.run:
        note(f"go on with a larger budget: {resume_command(result.run)} --max-steps N", "yellow")
    elif result.status == "failed":
        complain(result.error or "the run failed")
        if result.run:
            note(f"try again from there: {resume_command(result.run)}", "yellow")
    if code := code_of(result):
        raise typer.Exit(code)


def show_result(result: Result) -> None:
    """Print a result for people: the answer, what it rests on, what it took, where it is."""
    if result.answer is not None:
        out().print(Text(plain(result.answer), style="bold"))
    show(*(f"  {evidence_line(item)}" for item in result.evidence))
    note(f"{result.status}: {counted(result.steps, 'step')}, {usage_line(result.usage)}", "dim")
    if result.run:
        note(f"run: {result.run}", "dim")


def evidence_line(item: Evidence) -> str:
    """Return one line about a piece of evidence."""
    score = f" ({item.score:.2f})" if item.score is not None else ""
    if item.kind == "region":
        where = box_text(item.box) if item.box else "whole picture"
        return f"{item.label or 'region'} at {where} of picture {(item.image or '')[:12]}{score}"
    said = item.text or item.label
    return f"{item.source}{': ' + plain(said, 200) if said else ''}{score}"


def usage_line(usage: Usage) -> str:
    """Return one line about what a run took; an unknown cost is said to be unknown."""
    cost = "unknown cost" if usage.cost is None else f"${usage.cost:.4f}" if usage.cost else "$0"
    tokens = f"{usage.input_tokens + usage.output_tokens} tokens"
    return f"{counted(usage.calls, 'model call')}, {tokens}, {cost}, {usage.seconds:.1f} s"
