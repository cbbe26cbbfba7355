"""``agentkit collect lookahead``: roll out, look one action ahead, and write lines that a value model is tuned on.

Self-taught lookahead (arXiv 2503.02878): a model that values a page learns from what it itself thinks of the pages
that come after. A line's target is the discounted value of the best of them by the present model; where the episode
ended with the action, it is the episode's reward. No person labels anything.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.config import Settings
from agentkit.contracts.event import Acted, LookedAhead
from agentkit.errors import ModelError, ToolError, UsageError
from agentkit.runs.folder import RunFolder
from agentkit.runs.report import events_of
from agentkit.runtime.cast import Cast

from ...agents.web import LookAhead, WebAgent
from ...agents.web.lookahead import value_prompt
from ...agents.web.lookahead.value import MAX_TEXT, MOST
from ...agents.web.prompt import View
from ...agents.web.state import Done
from ...tools.browser import Snapshot, launch
from ..rows import Rows
from ..seeds import seeds_of
from .play import Played, play
from .runner import POLICIES
from .server import MiniWobServer
from .tasks import tasks_of

if TYPE_CHECKING:
    from playwright.async_api import Browser

FIRST_SEED = 100_000
KEY = ("task", "seed", "policy", "model", "step")


@dataclass(frozen=True)
class Collecting:
    """Who rolls out, and how. ``look`` says how many actions are tried at each step, and the discount."""

    policy: str = "rank"
    model: str | None = None
    memory: str | None = None
    max_steps: int = 10
    look: LookAhead = field(default_factory=lambda: LookAhead(depth=1, width=4, budget=4))

    def __post_init__(self) -> None:
        if self.policy not in POLICIES or self.policy == "experts":
            raise UsageError(f"{self.policy!r} proposes no actions to look ahead over", mend="rank, generate")

    def columns(self) -> dict[str, Any]:
        """Return what tells lines of different roll-outs apart in one file."""
        return {"policy": self.policy, "model": self.model or "smollm2"}

    def agent(self, settings: Settings, cast: Cast, browser: Browser) -> WebAgent:
        """Return an agent that rolls out."""
        policy: Any = self.policy
        return WebAgent(
            settings=settings,
            cast=cast,
            policy=policy,
            memory=self.memory,
            browser=browser,
            look_ahead=self.look,
        )


async def collect(
    settings: Settings,
    out: Path | None,
    *,
    tasks: str,
    seeds: str,
    policy: str = "rank",
    memory: str = "on",
    width: int = 4,
    discount: float = 0.9,
    say: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Roll out episodes of MiniWoB++ into a file of lines (see ``lines_of``); returns what was written.

    Episodes whose lines are all in the file are not played again; an episode's lines are written at once. Raises
    ``UsageError`` for seeds below 100,000, which are for tuning and evaluation.
    """
    wanted = seeds_of(seeds)
    if out is None:
        raise UsageError("where to?", mend="name the file with --out FILE.jsonl")
    if min(wanted) < FIRST_SEED:
        raise UsageError(
            f"seed {min(wanted)} is for tuning or evaluation", mend=f"collect with {FIRST_SEED} and up"
        )
    look = LookAhead(depth=1, width=width, budget=width, discount=discount)
    steps = settings.max_steps or Collecting.max_steps
    model = settings.decide or settings.model
    how = Collecting(policy, model, None if memory == "on" else memory, steps, look)
    episodes = [(task, seed) for task in tasks_of(tasks) for seed in wanted]
    return await roll_out(episodes, how, settings, out, say=say)


async def roll_out(
    episodes: Sequence[tuple[str, int]],
    how: Collecting,
    settings: Settings,
    out: Path,
    *,
    cast: Cast | None = None,
    say: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Play the episodes that a file does not hold yet, and add their lines to it."""
    from playwright.async_api import async_playwright

    rows, columns = Rows(out.parent, KEY, name=out.name), how.columns()
    left = [(task, seed) for task, seed in episodes if not whole(rows, task, seed, columns)]
    written = failed = 0
    with tempfile.TemporaryDirectory() as scratch, MiniWobServer() as server:
        base = settings.model_copy(update={"runs": Path(scratch), "max_steps": how.max_steps})
        playing = cast or Cast(base, model=how.model)
        async with async_playwright() as playwright:
            browser = await launch(playwright)
            try:
                for number, (task, seed) in enumerate(left, start=1):
                    agent = how.agent(base, playing, browser)
                    try:
                        played = await play(agent, server, task, seed)
                    except (ToolError, ModelError) as error:
                        failed += 1
                        told = f"failed: {error}"
                    else:
                        lines = lines_of(played, how.look.discount)
                        fresh = [{"task": task, "seed": seed, **columns, **line} for line in lines]
                        fresh = [line for line in fresh if rows.find(line) is None]
                        rows.add(fresh)
                        written += len(fresh)
                        told = f"reward {played.reward:g}, {len(lines)} lines"
                    if say is not None:
                        say(f"{number}/{len(left)} {task} {seed}: {told}")
            finally:
                await browser.close()
                if cast is None:
                    await playing.aclose()
    return {"file": str(out), "episodes": len(left), "failed": failed, "lines": written}


def whole(rows: Rows, task: str, seed: int, columns: Mapping[str, Any]) -> bool:
    """Say whether a file holds all lines of an episode."""
    first = rows.find({"task": task, "seed": seed, **columns, "step": 0})
    if first is None:
        return False
    return all(
        rows.find({"task": task, "seed": seed, **columns, "step": step}) is not None
        for step in range(first["of"])
    )


def lines_of(played: Played, discount: float) -> list[dict[str, Any]]:
    """Return a line for each step of a run that was looked ahead from.

    ``messages`` is the chat that a model is tuned on: the question for a page's value as ``LookAhead(imagine=True)``
    asks it, and as the answer the best action, what came of it, and the value. Beside it: ``page``, ``action`` and
    ``next_page`` in words, ``target`` (0 to 1), ``reward`` (of the episode, where it ended with this action),
    ``return`` (the reward discounted from the end), and ``tries``: every action tried, with its page and its value.
    """
    assert played.result.run is not None, "an episode has a run"
    events = events_of(RunFolder.open(Path(played.result.run)))
    looks = [number for number, event in enumerate(events) if isinstance(event, LookedAhead)]
    total = sum(isinstance(event, Acted) and event.state == "done" for event in events)
    lines = []
    for number in looks:
        event = events[number]
        assert isinstance(event, LookedAhead)
        later = sum(isinstance(e, Acted) and e.state == "done" for e in events[number:])
        ended = played.reward if later == 1 and total and played.result.status == "done" else None
        line = _line(event, played, discount, ended)
        if line is not None:
            gained = discount ** max(later - 1, 0) * max(played.reward, 0.0)
            lines.append({**line, "return": round(gained, 4)})
    return [{"step": step, "of": len(lines), **line} for step, line in enumerate(lines)]


def _line(event: LookedAhead, played: Played, discount: float, ended: float | None) -> dict[str, Any] | None:
    root, *below = event.nodes
    tries = [
        {
            "action": node.action,
            "page": node.page,
            "value": node.value,
            "likely": node.likely,
            "why": node.why,
        }
        for node in below
        if node.depth == 1
    ]
    known = {
        t["action"]: (discount * t["value"], _said(t["page"])) for t in tries if t["page"] and not t["why"]
    }
    if ended is not None:
        known[event.choice] = (max(ended, 0.0), "The episode is over.")
    if not known:
        return None
    action = max(known, key=lambda words: known[words][0])
    target, result = known[action]
    done = [Done(url="", page="", state="", words=w, changed=True, result="", sent=False) for w in event.done]
    view = View(event.task or played.task, Snapshot("", ""), history=done, abstract=root.page)
    answer = {"next": action[:MAX_TEXT], "result": result, "value": round(MOST * target)}
    messages = [{"role": m.role, "content": m.text} for m in value_prompt(view, write=True, imagine=True)]
    messages.append({"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)})
    return {
        "messages": messages,
        "page": root.page,
        "action": event.choice,
        "next_page": next((t["page"] for t in tries if t["action"] == event.choice), ""),
        "target": round(target, 4),
        "reward": ended,
        "tries": tries,
    }


def _said(page: str) -> str:
    """Return what is on a page in a line, cut."""
    text = " ".join(page.split())
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
