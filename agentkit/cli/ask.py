"""``agentkit ask``: a question, mostly about pictures."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .flags import Flags

if TYPE_CHECKING:
    from ..runtime.agent import GraphAgent


class Strategy(StrEnum):
    """How to look: once at the whole picture, by visual search, or whichever of the two it takes."""

    auto = "auto"
    direct = "direct"
    vstar = "vstar"
    dyfo = "dyfo"
    zoomeye = "zoomeye"
    grid = "grid"


class Cue(StrEnum):
    """What says where to look next."""

    model = "model"
    attention = "attention"


def ask(
    question: Annotated[str, typer.Argument(help="What to find out.")],
    image: Annotated[list[Path] | None, typer.Option("--image", "-i", help="A picture; repeatable.")] = None,
    strategy: Annotated[
        Strategy,
        typer.Option(help="One look, a visual search, a full scan; auto: one look where that is enough."),
    ] = Strategy.auto,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="A possible answer; repeat for all of them.")
    ] = None,
    expert: Annotated[
        str, typer.Option(help="What says where a thing is: model, text, hf:REF (a detector), template:FILE.")
    ] = "model",
    cue: Annotated[
        Cue, typer.Option(help="What says where to look next: the model's yes and no, or its attention.")
    ] = Cue.model,
    max_looks: Annotated[
        int | None, typer.Option("--max-looks", min=1, help="Most looks of the search for one thing.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the run's report to this file (HTML), too.")
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Answer a question about pictures, with the regions that prove the answer; or a plain one, without pictures."""
    from ..errors import UsageError
    from .running import finish, run_agent

    for path in image or []:
        if not path.is_file():
            raise UsageError(f"there is no picture at {path}")
    if report is not None and not report.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {report.parent} for the report", mend="make it first")
    how = {"strategy": strategy.value, "expert": expert, "cue": cue.value, "max_looks": max_looks}
    agent, arguments = _agent(flags, how, [str(path) for path in image or []], option or [])
    finish(run_agent(agent, lambda: agent.arun(question, out=flags.out, **arguments), flags), flags, report)


def _agent(
    flags: Flags, how: dict[str, Any], images: list[str], options: list[str]
) -> tuple[GraphAgent, dict[str, Any]]:
    """Return who answers, and the arguments of its run."""
    from ..errors import UsageError
    from .kinds import agent_class

    settings, answers = flags.settings(), flags.answerers()
    if images:
        search: Any = agent_class("search")
        return search(**how, settings=settings, answers=answers), {"images": images, "options": options}
    if settings.model is None and settings.decide is None:
        # The embedded models know no facts: what they would say proves nothing.
        raise UsageError(
            "there is no picture to look at", mend="--image FILE; or, for a plain question, --model REFERENCE"
        )
    plain: Any = agent_class("agent")
    return plain(may_ask=False, settings=settings, answers=answers), {}
