"""``agentkit serve``: the chat in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .flags import Flags

SERVER = "agentkit.agents.chat.server"


def serve(
    host: Annotated[
        str, typer.Option(help="The address; anything but this machine needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8765,
    token: Annotated[
        list[str] | None,
        typer.Option(
            envvar="AGENTKIT_TOKEN",
            help="Who may come in: SECRET for the owner, NAME=SECRET for another person. Repeatable.",
        ),
    ] = None,
    strategy: Annotated[str, typer.Option(help="The visual search's strategy.")] = "vstar",
    *,
    flags: Flags,
) -> None:
    """Open the chat in the browser: a local page and its API, on the conversations of `agentkit chat`."""
    from .kinds import load_object
    from .running import wait_for
    from .terminal import note

    tokens = load_object(f"{SERVER}.config:tokens_of")(token or [])
    settings = flags.settings()
    make: Any = load_object(f"{SERVER}:ServerConfig")
    config = make(
        settings=settings,
        host=host,
        port=port,
        tokens=tokens,
        memory=Path(settings.memory) if settings.memory else None,
        strategy=strategy,
    )

    def ready(address: str) -> None:
        note(f"the chat is at {address}", "bold")
        if tokens:
            note("the page asks for the token", "dim")
        note("Ctrl-C ends it; conversations are kept", "dim")

    wait_for(load_object(f"{SERVER}:serve")(config, ready=ready))
