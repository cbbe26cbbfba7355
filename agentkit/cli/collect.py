"""``agentkit collect``: make training data."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .flags import Flags, with_flags

collect = typer.Typer(no_args_is_help=True, help="Make data that models are tuned on.")


def lookahead(
    tasks: Annotated[str, typer.Option("--tasks", help="Tasks by name, with commas, or the name of a list.")],
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds from 100,000 up, such as 100000-100009.")],
    policy: Annotated[str, typer.Option("--policy", help="Who rolls out: rank or generate.")] = "rank",
    memory: Annotated[
        str, typer.Option("--memory", help="Exemplars from memory: on, off, or a folder.")
    ] = "on",
    width: Annotated[int, typer.Option("--width", min=2, help="How many actions are tried at a step.")] = 4,
    discount: Annotated[
        float, typer.Option("--discount", min=0.01, max=1.0, help="What a value loses with each action.")
    ] = 0.9,
    *,
    flags: Flags,
) -> None:
    """Roll out episodes of MiniWoB++ and write, for each step, what a value model should have said.

    The lines are chats; ``--out`` is the file. Run again, it goes on where it was stopped.
    """
    from .kinds import load_object
    from .running import wait_for
    from .terminal import counted, note, print_json, show

    roll_out: Any = load_object("agentkit.evals.miniwob.lookahead:collect")
    work = roll_out(
        flags.settings(),
        flags.out,
        tasks=tasks,
        seeds=seeds,
        policy=policy,
        memory=memory,
        width=width,
        discount=discount,
        say=lambda line: note(line, "dim"),
    )
    done = wait_for(work)
    if flags.json:
        print_json(done)
        return
    failed = f", {done['failed']} failed" if done["failed"] else ""
    lines, played = counted(done["lines"], "line"), counted(done["episodes"], "episode")
    show(f"{lines} of {played} added to {done['file']}{failed}")


collect.command("lookahead")(with_flags(lookahead))
