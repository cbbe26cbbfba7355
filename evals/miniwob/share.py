"""``agentkit bench step``: who takes the time of a step: the model, the browser, or agentkit itself."""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation
from agentkit.contracts.event import EventBase, ModelCalled
from agentkit.runtime.cast import Cast

from ...agents.web import WebAgent
from ...tools.browser import launch
from ..intervals import average, paired_ratio
from ..keep import keep
from ..rows import Rows
from .play import play
from .runner import Setup
from .server import MiniWobServer

# Tuning seeds: this measures time, not success. Tasks of one, two, three and many steps.
TASKS = ("click-button", "click-test-2", "enter-text", "login-user", "choose-list", "click-checkboxes")
SEED = 10400
PARTS = ("own", "model", "browser")


class _Selector(selectors.DefaultSelector):
    """Counts the seconds in which the event loop waits; in the rest it runs Python."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def select(self, timeout: float | None = None) -> Any:
        start = time.perf_counter()
        try:
            return super().select(timeout)
        finally:
            self.waited += time.perf_counter() - start


class _Threads(ThreadPoolExecutor):
    """Counts the seconds of work that the loop hands to threads (files, the memory), which it waits for."""

    def __init__(self) -> None:
        super().__init__(4)
        self.worked = 0.0
        self._lock = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def timed() -> Any:
            start = time.perf_counter()
            try:
                return fn(*args, **kwargs)
            finally:
                with self._lock:
                    self.worked += time.perf_counter() - start

        return super().submit(timed)


@dataclass
class _Clock:
    selector: _Selector = field(default_factory=_Selector)
    threads: _Threads = field(default_factory=_Threads)
    model: float = 0.0

    def hear(self, event: EventBase) -> None:
        if isinstance(event, ModelCalled):
            self.model += event.usage.seconds

    def read(self) -> tuple[float, float, float, float]:
        return time.perf_counter(), self.selector.waited, self.threads.worked, self.model


def bench(
    settings: Settings, out: Path | None, *, items: int = 2, say: Callable[[str], None] | None = None
) -> Evaluation:
    """Play ``items`` episodes of each of six tasks and tell whose the seconds were.

    ``own``: the time in which the event loop runs Python (Playwright's client and reading its answers included), and
    the work it hands to threads (journal, files, looking into the memory with its text embedder). ``model``: the calls
    of the model. ``browser``: the rest, which is waiting for it. The first episode, in which models are loaded, is
    not counted.
    """
    clock = _Clock()
    rows = Rows(out, ("task", "seed"))
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(clock.selector)) as runner:
        found = runner.run(_play(settings, out, items, clock, rows, say))
    metrics = {}
    for part in PARTS:
        metrics[f"{part}/share"] = paired_ratio(
            [row[part] for row in found], [row["seconds"] for row in found]
        )
        metrics[f"{part}/step"] = average([row[part] / row["steps"] for row in found])
    model = settings.decide or settings.model or "smollm2"
    return keep(Evaluation(name="step", model=model, items=len(found), metrics=metrics, rows=found), out)


async def _play(
    settings: Settings,
    out: Path | None,
    items: int,
    clock: _Clock,
    rows: Rows,
    say: Callable[[str], None] | None,
) -> list[dict[str, Any]]:
    from playwright.async_api import async_playwright

    asyncio.get_running_loop().set_default_executor(clock.threads)
    setup = Setup(settings.decide or settings.model)
    runs = settings.runs if out is None else out / "runs"
    base = settings.model_copy(update={"runs": runs, "max_steps": setup.max_steps})
    cast = Cast(base, model=setup.model)
    wanted = [(task, SEED + number) for number in range(1, items + 1) for task in TASKS]
    with MiniWobServer() as server:
        async with async_playwright() as playwright:
            browser = await launch(playwright)
            agent = setup.agent(base, cast, browser)
            agent.listeners.append(clock.hear)
            await play(agent, server, TASKS[0], SEED)
            for task, seed in wanted:
                if rows.find({"task": task, "seed": seed}) is None:
                    rows.add([await _row(agent, server, task, seed, clock)])
                if say is not None:
                    say(f"{task} {seed}")
            await browser.close()
            await cast.aclose()
    return [row for task, seed in wanted if (row := rows.find({"task": task, "seed": seed})) is not None]


async def _row(agent: WebAgent, server: MiniWobServer, task: str, seed: int, clock: _Clock) -> dict[str, Any]:
    before = clock.read()
    played = await play(agent, server, task, seed)
    wall, waited, worked, model = (b - a for a, b in zip(before, clock.read(), strict=True))
    own = wall - waited + worked
    browser = max(wall - own - model, 0.0)
    parts = {"own": own, "model": model, "browser": browser}
    return {"task": task, "seed": seed, "steps": max(played.result.steps, 1), "seconds": wall, **parts}
