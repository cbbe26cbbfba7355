"""``agentkit eval`` and ``agentkit bench``: evaluations and measurements by name."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from .flags import Flags

REGISTRY = "agentkit.evals.registry"


def evaluate(
    name: Annotated[str | None, typer.Argument(help="Which; all names are listed without it.")] = None,
    *,
    flags: Flags,
) -> None:
    """Evaluate an agent or a model on a benchmark."""
    _call("EVALS", "evaluation", name, flags)


def bench(
    name: Annotated[str | None, typer.Argument(help="Which; all names are listed without it.")] = None,
    *,
    flags: Flags,
) -> None:
    """Measure the speed of a part."""
    _call("BENCHES", "bench", name, flags)


def _call(table: str, what: str, name: str | None, flags: Flags) -> None:
    """Call the function of a name: ``(settings, out) -> Evaluation``, sync or async."""
    from ..contracts.evaluation import Evaluation
    from ..errors import UsageError
    from .kinds import load_object
    from .running import wait_for
    from .terminal import print_json, show

    known: dict[str, str] = load_object(f"{REGISTRY}:{table}")
    if name is None:
        print_json({"names": sorted(known)}) if flags.json else show(*sorted(known))
        return
    if name not in known:
        listed = ", ".join(sorted(known)) or "there are none yet"
        raise UsageError(f"there is no {what} {name!r}", mend=listed)
    outcome: Any = load_object(known[name])(flags.settings(), flags.out)
    evaluation: Evaluation = wait_for(outcome) if inspect.isawaitable(outcome) else outcome
    if flags.json:
        print_json(evaluation)
        return
    show(f"{evaluation.name} with {evaluation.model}: {evaluation.items} items")
    for metric, value in evaluation.metrics.items():
        show(f"  {metric}: {value.mean:.3f} [{value.low:.3f}, {value.high:.3f}] of {value.n}")
    if evaluation.run:
        show(f"run: {evaluation.run}")
