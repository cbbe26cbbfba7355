"""The flags that every command has, declared once.

A command that takes ``flags: Flags`` as its last parameter and is wrapped in ``with_flags`` has them all.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..config import Settings
    from ..runtime.ask import Answerer

PANEL = "Common flags"


def _option(name: str, help_text: str, *, env: str | None = None, **more: Any) -> Any:
    # Settings read their variables themselves, so that an error can say where a value came from; a variable
    # that no setting knows is read here.
    return typer.Option(name, help=help_text, envvar=env, rich_help_panel=PANEL, **more)


@dataclass(frozen=True)
class Flags:
    """The common flags. Those of ``SETTINGS`` are settings too (``AGENTKIT_MODEL``, ``agentkit.toml``)."""

    model: Annotated[str | None, _option("--model", "Model of every role it can play. [AGENTKIT_MODEL]")] = (
        None
    )
    see: Annotated[str | None, _option("--see", "Model that looks at pictures. [AGENTKIT_SEE]")] = None
    decide: Annotated[str | None, _option("--decide", "Model that decides. [AGENTKIT_DECIDE]")] = None
    json: Annotated[
        bool,
        _option(
            "--json", "Print one JSON object, and nothing else, on standard output.", env="AGENTKIT_JSON"
        ),
    ] = False
    no_input: Annotated[
        bool, _option("--no-input", "Never ask in the terminal; pause instead.", env="AGENTKIT_NO_INPUT")
    ] = False
    answers: Annotated[
        Path | None,
        _option("--answers", "YAML list of {match, answer} that answers questions.", env="AGENTKIT_ANSWERS"),
    ] = None
    max_steps: Annotated[
        int | None, _option("--max-steps", "Most steps of a run. [AGENTKIT_MAX_STEPS]", min=1)
    ] = None
    max_calls: Annotated[
        int | None, _option("--max-calls", "Most model calls of a run. [AGENTKIT_MAX_CALLS]", min=1)
    ] = None
    timeout: Annotated[float | None, _option("--timeout", "Most seconds of a run. [AGENTKIT_TIMEOUT]")] = None
    out: Annotated[
        Path | None,
        _option(
            "--out", "The run folder itself; else <time>-<id> in AGENTKIT_RUNS (runs/).", env="AGENTKIT_OUT"
        ),
    ] = None
    cache: Annotated[
        str | None, _option("--cache", "File of the response cache, or 'off'. [AGENTKIT_CACHE]")
    ] = None
    debug: Annotated[bool, _option("--debug", "Show tracebacks.", env="AGENTKIT_DEBUG")] = False

    def settings(self, **defaults: Any) -> Settings:
        """Return the settings, these flags first; ``defaults`` are used for flags that were not given.

        Raises ``UsageError``.
        """
        from ..config import Settings

        given = {name: getattr(self, name) for name in SETTINGS if getattr(self, name) is not None}
        settings = Settings.load(**{**defaults, **given})
        settings.apply()
        return settings

    def limits(self) -> dict[str, float]:
        """Return the budget limits that were given as flags, by their names in ``BudgetLimits``."""
        named = {"steps": self.max_steps, "calls": self.max_calls, "seconds": self.timeout}
        return {name: value for name, value in named.items() if value is not None}

    def answerers(self) -> list[Answerer]:
        """Return who answers questions: the answers file, then the terminal when somebody sits there."""
        from ..runtime.ask import AnswersFile
        from .terminal import TerminalAnswerer

        found: list[Answerer] = [AnswersFile.load(self.answers)] if self.answers else []
        if asks_here(self):
            found.append(TerminalAnswerer())
        return found


def asks_here(flags: Flags) -> bool:
    """Say whether somebody sits at the terminal who may be asked."""
    return sys.stdin.isatty() and not flags.no_input


SETTINGS = ("model", "see", "decide", "max_steps", "max_calls", "timeout", "cache")


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the common flags in place of its parameter ``flags``."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "flags"]
    hints = inspect.get_annotations(Flags, eval_str=True)
    common = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(Flags)
    ]

    @functools.wraps(command)
    def run(*args: Any, **given: Any) -> None:
        flags = Flags(**{field.name: given.pop(field.name) for field in fields(Flags)})
        guarded(flags, functools.partial(command, *args, **given, flags=flags))

    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + common
    )
    return run


def guarded(flags: Flags, work: Callable[[], None]) -> None:
    """Do the work of a command; an error that agentkit raised on purpose is one line and an exit code."""
    from ..contracts.result import Result
    from ..errors import AgentKitError
    from .exits import code_of
    from .terminal import complain, print_json

    try:
        work()
    except AgentKitError as error:
        if flags.debug:
            raise
        complain(str(error))
        if flags.json:
            print_json(Result(status="failed", error=str(error)))
        raise typer.Exit(code_of(error)) from error
