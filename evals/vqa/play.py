"""Runs strategies on items, all on the same ones, and keeps a row for each: a killed evaluation goes on."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from agentkit.content import Box, Image
from agentkit.contracts.event import EventBase, Looked
from agentkit.contracts.result import Result
from agentkit.models.wrapper import fingerprint_of
from agentkit.runtime.cast import Cast

from ...agents import search
from ..rows import Row, Rows
from .item import Item
from .ways import Plan, Way, agent_of

Say = Callable[[str], None]

# What a row is of. ``code``: the version of the search itself.
KEY = ("item", "asked", "strategy", "expert", "model", "weights", "code")
HIT = 0.5


async def play(
    items: Sequence[Item], plan: Plan, store: Rows, *, workers: int = 1, say: Say = lambda line: None
) -> list[Row]:
    """Return the row of every item and strategy, item by item. Rows that ``store`` holds are not made again."""
    cast = Cast(plan.settings)
    try:
        model = await cast.get("see")
        head = {"expert": plan.expert or "", "model": model.reference}
        head |= {"weights": fingerprint_of(model)[:12], "code": code()}
        wanted = [[_blank(item, name, head) for name in plan.strategies] for item in items]
        missing = [
            (item, tuple(row["strategy"] for row in rows if store.find(row) is None))
            for item, rows in zip(items, wanted, strict=True)
        ]
        todo = [(item, names) for item, names in missing if names]
        rows_of = _here(todo, plan, cast) if workers == 1 else _spread(todo, plan, workers)
        done = len(items) - len(todo)
        async for item, rows in rows_of:
            store.add([_blank(item, row["strategy"], head) | row for row in rows])
            done += 1
            say(f"  {done} of {len(items)}: " + _so_far(store, wanted, plan.strategies))
    finally:
        await cast.aclose()
    return [found for rows in wanted for row in rows if (found := store.find(row)) is not None]


async def _here(
    todo: Sequence[tuple[Item, tuple[str, ...]]], plan: Plan, cast: Cast
) -> AsyncIterator[tuple[Item, list[Row]]]:
    for item, names in todo:
        yield item, await play_item(item, names, plan, cast)


async def _spread(
    todo: Sequence[tuple[Item, tuple[str, ...]]], plan: Plan, workers: int
) -> AsyncIterator[tuple[Item, list[Row]]]:
    """Yield the rows of items as processes finish them. Every process loads the model once."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(plan,)) as pool:
        loop = asyncio.get_running_loop()
        work = [loop.run_in_executor(pool, _work, item, names) for item, names in todo]
        try:
            for done in asyncio.as_completed(work):
                yield await done
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass
class _Process:
    """What a worker process keeps between items: one loop, because models belong to the loop that made them."""

    plan: Plan
    cast: Cast
    runner: asyncio.Runner


_process: list[_Process] = []


def _start(plan: Plan) -> None:
    plan.settings.apply()
    _process[:] = [_Process(plan, Cast(plan.settings), asyncio.Runner())]


def _work(item: Item, names: tuple[str, ...]) -> tuple[Item, list[Row]]:
    (process,) = _process
    return item, process.runner.run(play_item(item, names, process.plan, process.cast))


async def play_item(item: Item, names: Iterable[str], plan: Plan, cast: Cast) -> list[Row]:
    """Return what came out on one item under each strategy. Runs are not kept; the picture is decoded once."""
    image = Image.open(item.image)
    rows = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            settings = plan.settings.model_copy(update={"runs": Path(folder), "cache": None})
            agent = agent_of(name, replace(plan, settings=settings), item, cast)
            looked: list[Looked] = []
            agent.listeners.append(_keep(looked))
            start = time.perf_counter()
            result = await agent.arun(item.question, images=[image], options=list(item.options))
            seconds = time.perf_counter() - start
        chosen = plan.judge(item, result.answer or "")
        rows.append(
            {
                "strategy": name,
                "answer": result.answer,
                "chosen": chosen,
                "right": chosen == item.right,
                **_found(item, name, result, looked),
                "calls": result.usage.calls,
                "seconds": round(seconds, 3),
                "status": result.status,
            }
        )
    return rows


def _keep(looked: list[Looked]) -> Callable[[EventBase], None]:
    def listen(event: EventBase) -> None:
        if isinstance(event, Looked):
            looked.append(event)

    return listen


def _found(item: Item, strategy: str, result: Result, looked: Sequence[Looked]) -> Row:
    """Return, for each target, its best overlap with a region that is given as evidence, and the visits that it took."""
    if Way.of(strategy).name == "direct":
        return {"overlaps": None, "paths": None, "regions": 0}
    boxes = [Box(*region.box) for region in result.evidence if region.box is not None and region.label]
    overlaps = [max((box.iou(true) for box in boxes), default=0.0) for true in item.boxes]
    paths = _visits(looked)
    named = [paths.get(target) for target in item.targets]
    if None in named and len(paths) == len(named):
        # A model that names targets in its own words names them in the question's order.
        named = list(paths.values())
    return {"overlaps": [round(value, 3) for value in overlaps], "paths": named, "regions": len(boxes)}


def _visits(looked: Sequence[Looked]) -> dict[str, int | None]:
    """Return how many regions were visited for each thing, up to the one where it was found."""
    visits: dict[str, int | None] = {}
    ended: set[str] = set()
    for event in looked:
        thing = event.sought or event.about
        if thing not in ended:
            visits[thing] = (visits.get(thing) or 0) + 1
        if event.found:
            ended.add(thing)
    return visits


def _blank(item: Item, strategy: str, head: dict[str, Any]) -> Row:
    return {
        "item": item.name,
        "asked": _digest(item),
        "group": item.group,
        "kind": item.kind,
        "placement": item.placement,
        "question": item.question,
        "expected": item.answer,
        "targets": len(item.boxes),
        "options": len(item.options),
        "strategy": strategy,
        **head,
    }


@cache
def _digest(item: Item) -> str:
    return item.digest()


@lru_cache(maxsize=1)
def code() -> str:
    """Return a digest of the search's own source: rows that another version of it made are not its rows."""
    digest = hashlib.sha256()
    for file in sorted(Path(str(search.__file__)).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _so_far(store: Rows, wanted: Sequence[Sequence[Row]], strategies: Sequence[str]) -> str:
    shares = []
    for index, name in enumerate(strategies):
        made = [row for rows in wanted if (row := store.find(rows[index])) is not None]
        shares.append(f"{name} {sum(row['right'] for row in made)}/{len(made)}")
    return ", ".join(shares)
