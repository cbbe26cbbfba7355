"""``agentkit chat``: a conversation in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .flags import Flags


def chat(
    message: Annotated[str | None, typer.Argument(help="One turn; without it you talk line by line.")] = None,
    name: Annotated[str, typer.Option("--name", "-n", help="The conversation.")] = "main",
    image: Annotated[list[Path] | None, typer.Option("--image", "-i", help="A picture; repeatable.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="A web page for this turn.")] = None,
    conversations: Annotated[bool, typer.Option("--list", help="List the conversations.")] = False,
    *,
    flags: Flags,
) -> None:
    """Talk: ask, show pictures by their paths, have web tasks done; what was said is remembered."""
    from ..errors import UsageError
    from .kinds import agent_class
    from .running import finish, run_agent, wait_for
    from .talk import Talk, Writer, list_conversations

    agent = agent_class("chat")(
        settings=flags.settings(), answers=flags.answerers() if message is not None else []
    )
    if conversations:
        list_conversations(agent, flags)
    elif message is not None:
        writer = Writer(quiet=flags.json)
        images = [str(path) for path in image or []]
        arguments = {"images": images, "conversation": name, "url": url}
        result = run_agent(
            agent, lambda: agent.arun(message, out=flags.out, **arguments), flags, writer.listen
        )
        writer.end_line()
        finish(
            result.model_copy(update={"answer": None}) if writer.said and not flags.json else result, flags
        )
    elif flags.json or flags.out:
        raise UsageError("--json and --out are for one turn", mend='agentkit chat "your message" --json')
    else:
        wait_for(Talk(agent, name, [str(path) for path in image or []]).go())
