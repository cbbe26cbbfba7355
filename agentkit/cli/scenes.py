"""``agentkit scenes make DIR``: makes a benchmark of visual search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .flags import Flags

MAKE = "agentkit.evals.scenes.make:make"


def scenes(
    action: Annotated[Literal["make"], typer.Argument(help="What to do: make.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the benchmark is or will be.")],
    items: Annotated[int, typer.Option("--items", min=1, help="How many items.")] = 300,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            help="Seed of the first item: 1 to 9999 evaluate, 10000 to 19999 tune, 100000 on train.",
        ),
    ] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    *,
    flags: Flags,
) -> None:
    """Make large pictures with small things to find, in V*Bench's own file format. Goes on where it was stopped."""
    from .kinds import load_object
    from .terminal import note, print_json, show

    make: Any = load_object(MAKE)
    made = make(folder, items, seed, workers=workers, say=lambda line: note(line, "dim"))
    if flags.json:
        print_json(made)
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in made["kinds"].items())
    show(f"{folder}: {items} items from seed {seed} ({kinds}); {made['made']} new")
