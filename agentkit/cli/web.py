"""``agentkit web``: a task in a browser."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from .flags import Flags

WINDOW = "The browser"


class Approve(StrEnum):
    """What happens before an action that can't be undone."""

    ask = "ask"
    auto = "auto"
    deny = "deny"


class Assets(StrEnum):
    """From where an allowed page may load what it is made of."""

    same = "same"
    any = "any"


class Show(StrEnum):
    """How a model that writes its actions sees the page."""

    text = "text"
    marks = "marks"
    both = "both"


class Dialogs(StrEnum):
    """What happens when a page asks something in a dialog."""

    dismiss = "dismiss"
    ask = "ask"


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
    dialogs: Annotated[
        Dialogs,
        typer.Option(help="A page's questions (confirm): dismissed, or dismissed and then asked about."),
    ] = Dialogs.dismiss,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            help="A value that is typed on its own site and shown to nobody: name@domain=env:VARIABLE or "
            "name@domain=file:PATH; repeatable.",
        ),
    ] = None,
    upload: Annotated[
        list[Path] | None,
        typer.Option("--upload", help="A file that may be given to a page; repeatable."),
    ] = None,
    actions: Annotated[
        str | None,
        typer.Option(
            "--actions", help="What may be done, by name, with commas: click,fill,scroll. Default: all."
        ),
    ] = None,
    show: Annotated[
        Show,
        typer.Option(help="How a model that writes sees the page: text, a picture with marks, or both."),
    ] = Show.text,
    look_ahead: Annotated[
        int | None,
        typer.Option(
            "--look-ahead",
            min=1,
            help="Try the best actions in a second tab that sends nothing, so many ahead, before one is done.",
        ),
    ] = None,
    conversation: Annotated[
        str | None,
        typer.Option("--conversation", help="Runs of this name recall what was done for it before."),
    ] = None,
    headed: Annotated[
        bool, typer.Option("--headed", help="Show the browser's window.", rich_help_panel=WINDOW)
    ] = False,
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile",
            help="Folder of a browser profile that stays, made if need be (see agentkit login).",
            rich_help_panel=WINDOW,
        ),
    ] = None,
    cdp: Annotated[
        str | None,
        typer.Option(
            "--cdp",
            help="Attach to a running browser, such as http://127.0.0.1:9222, and leave it open.",
            rich_help_panel=WINDOW,
        ),
    ] = None,
    proxy: Annotated[
        str | None,
        typer.Option(
            "--proxy",
            help="Go through an http, https or socks5 proxy. [AGENTKIT_PROXY, which is the place for credentials]",
            envvar="AGENTKIT_PROXY",
            show_envvar=False,
            rich_help_panel=WINDOW,
        ),
    ] = None,
    video: Annotated[
        bool, typer.Option("--video", help="Keep a video of each tab in the run.", rich_help_panel=WINDOW)
    ] = False,
    assets: Annotated[
        Assets,
        typer.Option(
            help="Pictures, scripts and styles: from allowed hosts only, or (by GET) from any.",
            rich_help_panel=WINDOW,
        ),
    ] = Assets.same,
    viewport: Annotated[
        str | None,
        typer.Option("--viewport", help="Size of the page, such as 1280x720.", rich_help_panel=WINDOW),
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Do a task in a browser; asks when the task leaves out what it needs."""
    from ..runs.folder import VIDEO
    from .kinds import agent_class
    from .running import finish, run_agent

    settings, answers = flags.settings(), flags.answerers()
    if approve is not None:
        settings = settings.model_copy(update={"approve": approve.value})
    opening = {
        "headed": headed or None,
        "profile": profile,
        "cdp": cdp,
        "proxy": proxy or None,
        "video": VIDEO if video else None,
        "assets": assets.value,
        "dialogs": dialogs.value,
        "viewport": None if viewport is None else size_of(viewport),
    }
    browser = {name: value for name, value in opening.items() if value is not None}
    names = None if actions is None else [name.strip() for name in actions.split(",") if name.strip()]
    given = {"secrets": secret or [], "uploads": upload or [], "actions": names, "show": show.value}
    if look_ahead is not None:
        given["look_ahead"] = {"depth": look_ahead}
    make: Any = agent_class("web")
    agent = make(policy=policy.value, browser=browser, settings=settings, answers=answers, **given)
    named = {} if conversation is None else {"conversation": conversation}
    finish(
        run_agent(agent, lambda: agent.arun(task, out=flags.out, url=url, allow=allow or [], **named), flags),
        flags,
    )


def size_of(text: str) -> tuple[int, int]:
    """Return the width and height of ``1280x720``. Raises ``UsageError``."""
    found = re.fullmatch(r"(\d{2,5})\s*[xX×,]\s*(\d{2,5})", text.strip())
    if found is None:
        raise UsageError(
            f"{text!r} is no size of a page", mend="write width x height in pixels, such as 1280x720"
        )
    return int(found[1]), int(found[2])
