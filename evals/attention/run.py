"""Runs families of attention evaluations: every method on the same items, against the unedited model.

    agentkit bench attention [--family NAME ...] [--items N] [--out DIR] [--decide hf:...] [--see hf:...]
    agentkit bench attention --cost
    agentkit eval attention        element choice only

With ``--out`` rows are kept as they are made, and a second run goes on where the first one ended.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from agentkit.attention import Edit
from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation
from agentkit.errors import UnsupportedCapability, UsageError
from agentkit.models.base import Model, Sampling
from agentkit.models.roles import Roles
from agentkit.models.wrapper import fingerprint_of

from ..keep import keep
from .families import FAMILIES
from .family import Family, Item, Method
from .rows import Row, Rows, prompt_digest
from .table import keep_table, metrics_of

Say: TypeAlias = Callable[[str], None]

GROUP = 8


def load_family(name: str) -> Family:
    """Return a family by its name. Raises ``UsageError`` when there is none."""
    if name not in FAMILIES:
        raise UsageError(f"there is no family {name!r}", mend=", ".join(FAMILIES))
    module, _, kind = FAMILIES[name].partition(":")
    family: Family = getattr(import_module(module), kind)()
    return family


def bench(
    settings: Settings,
    out: Path | None,
    *,
    family: Sequence[str] = (),
    items: int | None = None,
    cost: bool = False,
    say: Say = lambda line: None,
) -> Evaluation | Awaitable[Evaluation]:
    """Run the families of the names given, all by default (``agentkit bench attention``), or measure the cost."""
    if cost:
        from .cost import bench as bench_cost

        return bench_cost(settings, out, say)
    families = [load_family(name) for name in dict.fromkeys(family or FAMILIES)]
    return _run(families, settings, out, items, say)


async def evaluate(
    settings: Settings, out: Path | None, *, items: int | None = None, say: Say = lambda line: None
) -> Evaluation:
    """Run the family of element choice (``agentkit eval attention``)."""
    return await _run([load_family("choice")], settings, out, items, say)


async def _run(
    families: Sequence[Family], settings: Settings, out: Path | None, items: int | None, say: Say
) -> Evaluation:
    roles = Roles(settings, warn=say)
    rows, references = [], []
    store = Rows(out)
    try:
        for family in families:
            model = await (roles.see() if family.role == "see" else roles.decide())
            references.append(model.reference)
            rows += await measure(family, model, store=store, items=items, say=say)
    finally:
        await roles.aclose()
    asked = {(row["family"], row["seed"]) for row in rows if "right" in row}
    found = Evaluation(
        name="attention",
        model=", ".join(dict.fromkeys(references)),
        items=len(asked),
        metrics=metrics_of(rows),
        rows=rows,
    )
    return keep_table(keep(found, out), out)


async def measure(
    family: Family,
    model: Model,
    *,
    store: Rows | None = None,
    items: int | None = None,
    first: int = 1,
    say: Say = lambda line: None,
) -> list[Row]:
    """Return the rows of a family on a model, in the order of its methods and items, from seed ``first`` on.

    Rows that ``store`` holds are not made again. A method that the model can't do has one row, which says why.
    """
    store = store or Rows(None)
    say(f"▸ {family.name}: {family.title}  [{model.reference}]")
    try:
        asked = await family.items(model, items or family.count, first)
        methods = list(await family.methods(model))
    except UnsupportedCapability as error:
        return [_unsupported(family, model, "all", error, say)]
    found: dict[str, list[Row]] = {method.name: [] for method in methods}
    refused: set[str] = set()
    done = 0
    for group in _groups(asked):
        for method in methods:
            if method.name in refused:
                continue
            try:
                found[method.name] += await _rows(family, model, method, group, store)
            except UnsupportedCapability as error:
                refused.add(method.name)
                found[method.name] = [_unsupported(family, model, method.name, error, say)]
        done += len(group)
        say(f"  {family.name} {done} of {len(asked)}: {_so_far(found)}")
    return [row for rows in found.values() for row in rows]


async def _rows(
    family: Family, model: Model, method: Method, items: Sequence[Item], store: Rows
) -> list[Row]:
    """Return the rows of some items; answers what is not known yet, and keeps it."""
    rows = [_blank(family, model, method, item) for item in items]
    missing = [(item, row) for item, row in zip(items, rows, strict=True) if store.find(row) is None]
    start = time.perf_counter()
    answers = await answer(model, method, [item for item, _ in missing], family.by)
    seconds = round((time.perf_counter() - start) / max(len(missing), 1), 3)
    for (item, row), said in zip(missing, answers, strict=True):
        right = said == item.options[item.right] if item.options else bool(item.check and item.check(said))
        row |= {"answer": said, "right": right, "also": dict(family.also(item, said)), "seconds": seconds}
    store.add(row for _, row in missing)
    return [store.find(row) or row for row in rows]


async def answer(model: Model, method: Method, items: Sequence[Item], by: Any = "mean") -> list[str]:
    """Return the option that the model finds likeliest, or its reply, an item.

    Items that are asked in the same way go to the model together. Raises ``UnsupportedCapability``.
    """
    alike: dict[tuple[tuple[Edit, ...], tuple[str, ...], int], list[int]] = {}
    for index, item in enumerate(items):
        alike.setdefault((tuple(method.edits(item)), item.options, item.tokens), []).append(index)
    answers = [""] * len(items)
    for (edits, options, tokens), indices in alike.items():
        prompts = [items[index].messages for index in indices]
        if options:
            scores = await model.score_each(prompts, options, edits=edits)
            said = [options[one.best(by)] for one in scores]
        else:
            sampling = Sampling(max_tokens=tokens)
            said = [r.text for r in await model.generate_each(prompts, sampling=sampling, edits=edits)]
        for index, text in zip(indices, said, strict=True):
            answers[index] = text
    return answers


def _blank(family: Family, model: Model, method: Method, item: Item) -> Row:
    return {
        "family": family.name,
        "method": method.name,
        "note": method.note,
        "model": model.reference,
        "weights": fingerprint_of(model)[:12],
        "seed": item.seed,
        "stratum": item.stratum,
        "prompt": prompt_digest(item),
        "expected": item.options[item.right] if item.options else None,
    }


def _unsupported(
    family: Family, model: Model, method: str, error: UnsupportedCapability, say: Say
) -> dict[str, Any]:
    say(f"  {family.name} {method}: not on this model: {error}")
    return {"family": family.name, "method": method, "model": model.reference, "unsupported": str(error)}


def _groups(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + GROUP] for start in range(0, len(items), GROUP))


def _so_far(found: dict[str, list[Row]]) -> str:
    shares = []
    for name, rows in found.items():
        right = [row["right"] for row in rows if "right" in row]
        if right:
            shares.append(f"{name} {sum(right)}/{len(right)}")
    return ", ".join(shares)
