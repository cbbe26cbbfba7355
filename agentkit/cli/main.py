"""``agentkit``: the command line. Exit codes: 0 done, 2 usage, 3 needs input, 4 budget, 5 failed, 130 interrupted."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import Annotated

import typer

from ..errors import AgentKitError
from ..version import VERSION
from .ask import ask
from .attend import attend
from .chat import chat
from .collect import collect
from .demo_command import demo
from .doctor import doctor
from .edits import edits
from .evaluate import bench, evaluate
from .exits import FAILED, INTERRUPTED, code_of
from .flags import with_flags
from .index import index
from .login import login
from .memory import memory, remember
from .models import models
from .replay import replay
from .report import report
from .research import critic, research
from .resume import resume
from .run import run
from .runs import runs
from .scenes import scenes
from .schema import schema
from .serve import serve
from .terminal import complain
from .web import web

app = typer.Typer(
    name="agentkit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Multimodal agents: see, act, ask, remember.",
)
COMMANDS = {
    "ask": ask,
    "attend": attend,
    "web": web,
    "login": login,
    "research": research,
    "chat": chat,
    "serve": serve,
    "run": run,
    "resume": resume,
    "replay": replay,
    "report": report,
    "runs": runs,
    "remember": remember,
    "memory": memory,
    "models": models,
    "edits": edits,
    "doctor": doctor,
    "schema": schema,
    "demo": demo,
    "scenes": scenes,
    "eval": evaluate,
    "bench": bench,
}
# Commands that have commands of their own.
GROUPS = {"index": index, "critic": critic, "collect": collect}
for name, command in COMMANDS.items():
    app.command(name)(with_flags(command))
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"agentkit {VERSION}\n")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Multimodal agents: see, act, ask, remember."""


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    # Bars of libraries that load weights would stand between the lines of a run.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except AgentKitError as error:
        # Only with --debug; else the command has said it in one line.
        traceback.print_exc()
        sys.exit(code_of(error))
    except Exception as error:
        # The last line of defence: a defect is reported as one, and not swallowed.
        if "--debug" in sys.argv or os.environ.get("AGENTKIT_DEBUG"):
            traceback.print_exc()
        else:
            complain(f"{type(error).__name__}: {error} (a defect of agentkit; --debug shows where)")
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
