"""``agentkit bench observation``: time, tokens and recall of a snapshot, beside ``aria_snapshot(mode="ai")``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.errors import ToolError

from ...tools.browser import BrowserSession, SessionConfig, Snapshot, observe
from ...tools.browser.actions import goto
from ..intervals import average, median, proportion
from ..keep import keep
from .page import Page, Pages, make_page

if TYPE_CHECKING:
    from playwright.async_api import Frame

COUNTS = (200, 1000, 5000)
ROUNDS = 9
OURS, THEIRS = "snapshot", "aria_snapshot"
CHARS_PER_TOKEN = 4
# Roles under which Playwright lists what is only text or a box, unless it saw the pointer change.
_PASSIVE = re.compile(r"\s*- (generic|paragraph|text|img|listitem|list|listbox|group)\b(?!.*cursor=pointer)")
_LABEL = re.compile(r"\b[a-z]+(?:-[a-z]+)*-\d+\b")


@dataclass
class Look:
    """What one way of looking gave. Sets hold labels; ``seconds`` one number a round."""

    seconds: list[float] = field(default_factory=list)
    text: str = ""
    referenced: set[str] = field(default_factory=set)
    actionable: set[str] = field(default_factory=set)


async def bench(
    settings: Settings,
    out: Path | None,
    *,
    items: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Evaluation:
    """Measure pages of 200, 1,000 and 5,000 elements, or of ``items`` alone; rows: one a page, way and class."""
    rows: list[dict[str, Any]] = []
    metrics: dict[str, Metric] = {}
    for count in (items,) if items else COUNTS:
        found, more = await measure(count)
        rows += found
        metrics |= more
        if say is not None:
            ratio, recall = more[f"{count}/time ratio"], more[f"{count}/recall"]
            say(f"{count} elements: {ratio.mean:.2f} of the time, recall {recall.mean:.3f}")
    result = Evaluation(name="observation", model="none", items=len(rows), metrics=metrics, rows=rows)
    return keep(result, out)


async def measure(count: int, rounds: int = ROUNDS) -> tuple[list[dict[str, Any]], dict[str, Metric]]:
    """Return the rows and metrics of one page; the two ways look in turns, ``rounds`` times each."""
    page = make_page(count)
    with Pages(page) as server:
        config = SessionConfig(
            start=server.url, allow=(server.elsewhere,), action_timeout=60.0, respond_timeout=60.0
        )
        async with BrowserSession(config) as session:
            await goto(session, f"{server.url}/")
            await session.page.wait_for_load_state("load")
            in_view = await _in_view(session)
            before = await _markup(session)
            ours, theirs = Look(), Look()
            snapshot = await observe(session)
            await session.page.aria_snapshot(mode="ai")
            for _ in range(rounds):
                start = time.perf_counter()
                snapshot = await observe(session)
                ours.text = snapshot.text()
                middle = time.perf_counter()
                theirs.text = await session.page.aria_snapshot(mode="ai")
                ours.seconds.append(middle - start)
                theirs.seconds.append(time.perf_counter() - middle)
            unchanged = before == await _markup(session)
    _read_ours(ours, snapshot)
    _read_theirs(theirs)
    rows = [
        row
        for name, look in ((OURS, ours), (THEIRS, theirs))
        for row in _rows(count, name, look, page, in_view)
    ]
    return rows, _metrics(count, ours, theirs, rows, unchanged=unchanged)


async def _markup(session: BrowserSession) -> list[str]:
    """Return the HTML of all frames, without what shadow roots hold."""
    return [await frame.evaluate("document.documentElement.outerHTML") for frame in session.page.frames]


async def _in_view(session: BrowserSession) -> set[str]:
    """Return the labels of what stands in the viewport, as the page itself places it."""
    width, height = session.config.viewport
    seen = set()
    for frame in session.page.frames:
        left, top, right, bottom = await _window(frame, width, height)
        for label, x, y, shown in await frame.evaluate("places()"):
            if shown and 0 < x < right - left and 0 < y < bottom - top and 0 < top + y < height:
                seen.add(label)
    return seen


async def _window(frame: Frame, width: int, height: int) -> tuple[float, float, float, float]:
    """Return the box of a frame in the tab."""
    if frame.parent_frame is None:
        return 0, 0, width, height
    box = await (await frame.frame_element()).bounding_box()
    if box is None:
        raise ToolError("a frame of the generated page has no place")
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def _read_ours(look: Look, snapshot: Snapshot) -> None:
    for element in snapshot.elements:
        look.referenced.update(_LABEL.findall(element.name))
    look.actionable = set(look.referenced)


def _read_theirs(look: Look) -> None:
    for line in look.text.splitlines():
        labels = _LABEL.findall(line) if "[ref=" in line else []
        look.referenced.update(labels)
        if not _PASSIVE.match(line):
            look.actionable.update(labels)


def _rows(count: int, name: str, look: Look, page: Page, in_view: set[str]) -> Iterable[dict[str, Any]]:
    for reach, classes in (("reachable", page.reachable), ("unreachable", page.unreachable)):
        for kind, labels in classes.items():
            seen = [label for label in labels if label in in_view]
            yield {
                "elements": count,
                "way": name,
                "class": kind,
                "reach": reach,
                "n": len(labels),
                "referenced": len(look.referenced & set(labels)),
                "actionable": len(look.actionable & set(labels)),
                "n_in_view": len(seen),
                "referenced_in_view": len(look.referenced & set(seen)),
                "actionable_in_view": len(look.actionable & set(seen)),
            }


def _metrics(
    count: int, ours: Look, theirs: Look, rows: list[dict[str, Any]], *, unchanged: bool
) -> dict[str, Metric]:
    """Return the metrics of a page; those of ``aria_snapshot`` end in ``(aria_snapshot)``."""
    ratios = [a / b for a, b in zip(ours.seconds, theirs.seconds, strict=True)]
    found = {"time ratio": median(ratios), "DOM unchanged": proportion(int(unchanged), 1)}
    for name, look, mark in ((OURS, ours, ""), (THEIRS, theirs, f" ({THEIRS})")):
        mine = [row for row in rows if row["way"] == name]
        good = [row for row in mine if row["reach"] == "reachable"]
        bad = [row for row in mine if row["reach"] == "unreachable"]
        found[f"milliseconds{mark}"] = median([1000 * seconds for seconds in look.seconds])
        found[f"recall{mark}"] = _share(good, "referenced", "n")
        found[f"recall in view{mark}"] = _share(good, "referenced_in_view", "n_in_view")
        found[f"told actionable{mark}"] = _share(good, "actionable", "n")
        found[f"told actionable in view{mark}"] = _share(good, "actionable_in_view", "n_in_view")
        found[f"useless references{mark}"] = _share(bad, "referenced", "n")
        tokens = len(look.text) / CHARS_PER_TOKEN
        found[f"tokens{mark}"] = average([tokens])
        found[f"tokens an element{mark}"] = average([tokens / max(1, sum(row["referenced"] for row in good))])
    return {f"{count}/{name}": value for name, value in found.items()}


def _share(rows: list[dict[str, Any]], part: str, whole: str) -> Metric:
    return proportion(sum(row[part] for row in rows), sum(row[whole] for row in rows))
