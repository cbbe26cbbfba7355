"""``agentkit login``: log in by hand, in a browser profile that web tasks then use."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from .flags import Flags


def login(
    url: Annotated[str, typer.Argument(help="The page to log in at.")],
    profile: Annotated[
        Path, typer.Option("--profile", help="Folder of the browser profile, made if need be.")
    ],
    proxy: Annotated[
        str | None,
        typer.Option(
            "--proxy",
            help="Go through an http, https or socks5 proxy. [AGENTKIT_PROXY]",
            envvar="AGENTKIT_PROXY",
            show_envvar=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            help="No window here: use it from another machine's Chrome (chrome://inspect), by a tunnel to this port.",
            min=1,
            max=65535,
        ),
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Log in by hand in a browser window; ends when it is closed, or with Enter or Ctrl-C."""
    from .running import wait_for
    from .terminal import note, print_json, show

    if "://" not in url:
        url = f"https://{url}"
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is not a web address", mend="start it with http:// or https://")
    flags.settings()
    hosts = wait_for(_by_hand(url, profile, proxy or None, port))
    if flags.json:
        print_json({"profile": str(profile.expanduser().absolute()), "hosts": hosts})
    else:
        show(f"kept in {profile}: cookies of {', '.join(hosts) or 'nobody'}")
        note(f"use it with: agentkit web TASK --url {url} --profile {profile}", "dim")


async def _by_hand(url: str, profile: Path, proxy: str | None, port: int | None) -> list[str]:
    from .kinds import load_object
    from .terminal import note, read_line

    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Not on Windows, where Ctrl-C ends the program; what was kept until then stays.
    with suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, done.set)
    where = "close the window" if port is None else f"open chrome://inspect with localhost:{port}"
    note(f"log in ({where}); Enter or Ctrl-C when you are done", "yellow")

    async def entered() -> None:
        await read_line()
        done.set()

    waiting = asyncio.ensure_future(entered()) if sys.stdin.isatty() else None
    try:
        return await load_object("agentkit.tools.browser.login:log_in")(
            url, profile, done, proxy=proxy, port=port
        )
    finally:
        if waiting is not None:
            waiting.cancel()
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
