"""``agentkit web``: a task in a browser."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .flags import Flags


class Approve(StrEnum):
    """What happens before an action that can't be undone."""

    ask = "ask"
    auto = "auto"
    deny = "deny"


class Policy(StrEnum):
    """How the next action is decided: ranked by likelihood, or generated."""

    rank = "rank"
    generate = "generate"


def web(
    task: Annotated[str, typer.Argument(help="What to do.")],
    url: Annotated[str, typer.Option("--url", help="Where to start.")],
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="A further host that may be visited; repeatable.")
    ] = None,
    policy: Annotated[Policy, typer.Option(help="Rank candidate actions, or generate one.")] = Policy.rank,
    approve: Annotated[
        Approve | None,
        typer.Option(help="Before what can't be undone: ask, auto or deny. [AGENTKIT_APPROVE]"),
    ] = None,
    conversation: Annotated[
        str | None,
        typer.Option("--conversation", help="Runs of this name recall what was done for it before."),
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Do a task in a browser; asks when the task leaves out what it needs."""
    from .kinds import agent_class
    from .running import finish, run_agent

    settings, answers = flags.settings(), flags.answerers()
    if approve is not None:
        settings = settings.model_copy(update={"approve": approve.value})
    agent = agent_class("web")(policy=policy.value, settings=settings, answers=answers)  # type: ignore[call-arg]
    named = {} if conversation is None else {"conversation": conversation}
    finish(
        run_agent(agent, lambda: agent.arun(task, out=flags.out, url=url, allow=allow or [], **named), flags),
        flags,
    )
