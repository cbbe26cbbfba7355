"""``agentkit ask``: a question about pictures."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .flags import Flags


class Strategy(StrEnum):
    """How to look: once at the whole picture, or by visual search."""

    direct = "direct"
    vstar = "vstar"


def ask(
    question: Annotated[str, typer.Argument(help="What to find out.")],
    image: Annotated[list[Path] | None, typer.Option("--image", "-i", help="A picture; repeatable.")] = None,
    strategy: Annotated[Strategy, typer.Option(help="One look, or visual search.")] = Strategy.vstar,
    *,
    flags: Flags,
) -> None:
    """Answer a question about pictures, with the regions that prove the answer."""
    from ..errors import UsageError
    from .kinds import agent_class
    from .running import finish, run_agent

    images = [str(path) for path in image or []]
    if not images:
        raise UsageError("there is no picture to look at", mend="--image FILE")
    settings, answers = flags.settings(), flags.answerers()
    for path in image or []:
        if not path.is_file():
            raise UsageError(f"there is no picture at {path}")
    agent = agent_class("search")(strategy=strategy.value, settings=settings, answers=answers)  # type: ignore[call-arg]
    finish(run_agent(agent, lambda: agent.arun(question, out=flags.out, images=images), flags), flags)
