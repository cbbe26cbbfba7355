"""``agentkit eval`` and ``agentkit bench``: evaluations and measurements by name."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .flags import Flags

if TYPE_CHECKING:
    from ..contracts.evaluation import Evaluation

REGISTRY = "agentkit.evals.registry"

Family = Annotated[
    list[str] | None,
    typer.Option("--family", help="A part of it, by name; repeat for several. Default: all."),
]
Tasks = Annotated[
    str | None, typer.Option("--tasks", help="Tasks by name, with commas, or the name of a list.")
]
Seeds = Annotated[str | None, typer.Option("--seeds", help="Seeds, such as 1-5 or 1,2,7-9.")]
Policy = Annotated[str | None, typer.Option("--policy", help="How it is decided: rank, generate, experts.")]
Memory = Annotated[str | None, typer.Option("--memory", help="Exemplars from memory: on, off, or a folder.")]
Boost = Annotated[
    float | None, typer.Option("--boost", min=0.0, help="How much the attention on the task is multiplied.")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="How many items at a time.")]
Data = Annotated[Path | None, typer.Option("--data", help="File or folder of a published benchmark.")]
Images = Annotated[
    Path | None, typer.Option("--images", help="Folder of its pictures, when they are elsewhere.")
]
Strategy = Annotated[
    str | None,
    typer.Option("--strategy", help="Ways to look at pictures, with commas; vstar@20: at most 20 looks."),
]
Expert = Annotated[str | None, typer.Option("--expert", help="What says where a thing is; see agentkit ask.")]
Budgets = Annotated[
    str | None, typer.Option("--budgets", help="Looks, with commas: every search again with each of these.")
]
Index = Annotated[Path | None, typer.Option("--index", help="A local index that is searched.")]
Items = Annotated[int | None, typer.Option("--items", min=1, help="How many items of each part.")]


def evaluate(
    name: Annotated[str | None, typer.Argument(help="Which; all names are listed without it.")] = None,
    *,
    family: Family = None,
    items: Items = None,
    tasks: Tasks = None,
    seeds: Seeds = None,
    policy: Policy = None,
    memory: Memory = None,
    boost: Boost = None,
    workers: Workers = None,
    data: Data = None,
    images: Images = None,
    strategy: Strategy = None,
    budgets: Budgets = None,
    expert: Expert = None,
    index: Index = None,
    flags: Flags,
) -> None:
    """Evaluate an agent or a model on a benchmark."""
    episodes = {"tasks": tasks, "seeds": seeds, "policy": policy, "memory": memory, "boost": boost}
    episodes["workers"] = workers
    published = {"data": data, "images": images, "strategy": strategy, "budgets": budgets, "expert": expert}
    published["index"] = index
    _call("EVALS", "evaluation", name, flags, {"family": family, "items": items, **episodes, **published})


def bench(
    name: Annotated[str | None, typer.Argument(help="Which; all names are listed without it.")] = None,
    *,
    family: Family = None,
    items: Items = None,
    cost: Annotated[bool, typer.Option("--cost", help="Measure what it costs, not what it brings.")] = False,
    flags: Flags,
) -> None:
    """Measure what a part brings and what it costs."""
    _call("BENCHES", "bench", name, flags, {"family": family, "items": items, "cost": cost})


def _call(table: str, what: str, name: str | None, flags: Flags, choices: dict[str, Any]) -> None:
    """Call the function of a name, sync or async, with those of the ``choices`` that were made."""
    from ..errors import UsageError
    from .kinds import load_object
    from .running import wait_for
    from .terminal import note, print_json, show

    known: dict[str, str] = load_object(f"{REGISTRY}:{table}")
    if name is None:
        print_json({"names": sorted(known)}) if flags.json else show(*sorted(known))
        return
    if name not in known:
        listed = ", ".join(sorted(known)) or "there are none yet"
        raise UsageError(f"there is no {what} {name!r}", mend=listed)
    function: Any = load_object(known[name])
    takes = inspect.signature(function).parameters
    made = {choice: value for choice, value in choices.items() if value}
    if unknown := [choice for choice in made if choice not in takes]:
        raise UsageError(f"the {what} {name!r} has no --{unknown[0]}")
    if "say" in takes:
        made["say"] = lambda line: note(line, "dim")
    outcome: Any = function(flags.settings(), flags.out, **made)
    evaluation: Evaluation = wait_for(outcome) if inspect.isawaitable(outcome) else outcome
    show_evaluation(evaluation, flags)


def show_evaluation(evaluation: Evaluation, flags: Flags) -> None:
    """Print an evaluation: its metrics, or its table, or JSON."""
    from .terminal import print_json, show

    if flags.json:
        print_json(evaluation)
        return
    show(f"{evaluation.name} with {evaluation.model}: {evaluation.items} items")
    if evaluation.table:
        show(evaluation.table)
    for metric, value in evaluation.metrics.items() if not evaluation.table else ():
        show(f"  {metric}: {value.mean:.3f} [{value.low:.3f}, {value.high:.3f}] of {value.n}")
    if evaluation.run:
        show(f"run: {evaluation.run}")
