"""Time of a snapshot beside Playwright's own ``aria_snapshot`` of the same page, interleaved.

    python -m tests.tools.browser.bench_observation 200 1000 5000

Also counts, by class of element, how many of those that can be acted on have a reference (recall), and how
many that can't be reached have one too. The page is generated; every element says in its text what it is.
"""

from __future__ import annotations

import asyncio
import random
import re
import statistics
import sys
import time
from collections import Counter

from agentkit.tools.browser import BrowserSession, SessionConfig, observe

ROUNDS = 15
REACHABLE = {
    "link": '<a href="#{n}">{t}</a>',
    "button": "<button><span>{t}</span></button>",
    "field": '<label>{t} <input value="v{n}"></label>',
    "select": "<label>{t} <select><option>one<option>two</select></label>",
    "listener": '<div class="listens">{t}</div>',
    "pointer": '<span style="cursor:pointer">{t}</span>',
    "tab": '<div role="tab" tabindex="0">{t}</div>',
    "editable": '<div contenteditable aria-label="{t}">x</div>',
}
UNREACHABLE = {
    "hidden": '<button style="display:none">{t}</button>',
    "invisible": '<button style="visibility:hidden">{t}</button>',
    "away": '<button style="position:absolute;left:-5000px">{t}</button>',
    "clipped": '<div style="height:0;overflow:hidden"><button>{t}</button></div>',
    "covered": '<div style="position:relative;width:200px;height:24px"><button>{t}</button>'
    '<div style="position:absolute;inset:0;background:#ddd"></div></div>',
}


def page(count: int, seed: int = 1) -> tuple[str, Counter[str]]:
    """Return a page of about ``count`` elements, a fifth of them out of reach, and how many of each class."""
    rng = random.Random(seed)
    classes = {**REACHABLE, **UNREACHABLE}
    weights = [0.8 / len(REACHABLE)] * len(REACHABLE) + [0.2 / len(UNREACHABLE)] * len(UNREACHABLE)
    kinds = rng.choices(list(classes), weights, k=count)
    parts = []
    for n, kind in enumerate(kinds):
        if n % 10 == 0:
            parts.append(
                f"<h3>Section {n // 10}</h3><p>Some words that explain what follows, number {n}.</p>"
            )
        parts.append(f"<div><div>{classes[kind].format(n=n, t=f'{kind}-{n}')}</div></div>")
    script = "document.querySelectorAll('.listens').forEach(e => e.addEventListener('click', () => 0))"
    return f"<!doctype html><title>{count}</title>{''.join(parts)}<script>{script}</script>", Counter(kinds)


def references(text: str, kind: str) -> tuple[int, int]:
    """Count, in either text, elements of a class that have a reference, and those told as something to act on."""
    told, known = set(), set()
    for line in text.splitlines():
        numbers = re.findall(rf"\b{kind}-(\d+)", line)
        if numbers and ("[ref=" in line or re.match(r"\[e\d+\]", line)):
            known.update(numbers)
            if not re.match(r" *- (generic|paragraph)\b(?!.*cursor=pointer)", line):
                told.update(numbers)
    return len(known), len(told)


async def compare(count: int) -> None:
    html, kinds = page(count)
    async with BrowserSession(SessionConfig(action_timeout=60)) as session:
        await session.page.set_content(html)
        times: dict[str, list[float]] = {"snapshot": [], "aria_snapshot": []}
        texts = {}
        for _ in range(ROUNDS if count <= 1000 else 5):
            start = time.perf_counter()
            texts["snapshot"] = (await observe(session)).text()
            middle = time.perf_counter()
            texts["aria_snapshot"] = await session.page.aria_snapshot(mode="ai")
            times["snapshot"].append(middle - start)
            times["aria_snapshot"].append(time.perf_counter() - middle)
    print(
        f"\n{count} elements: {sum(kinds[k] for k in REACHABLE)} reachable, {sum(kinds[k] for k in UNREACHABLE)} not"
    )
    for name, text in texts.items():
        known = {kind: references(text, kind) for kind in {**REACHABLE, **UNREACHABLE}}
        reachable, unreachable = (sum(kinds[k] for k in group) for group in (REACHABLE, UNREACHABLE))
        found = sum(known[k][0] for k in REACHABLE)
        told = sum(known[k][1] for k in REACHABLE)
        useless = {k: known[k][0] for k in UNREACHABLE if known[k][0]}
        print(
            f"  {name:14} median {1000 * statistics.median(times[name]):6.0f} ms, least {1000 * min(times[name]):6.0f} ms; "
            f"{len(text) / 4:7.0f} tokens, {len(text) / 4 / max(found, 1):5.1f} an element; "
            f"recall {found / reachable:.3f}, told actionable {told / reachable:.3f}, "
            f"useless {sum(useless.values()) / unreachable:.2f} {useless}"
        )


async def main() -> None:
    for count in [int(arg) for arg in sys.argv[1:]] or [200, 1000]:
        await compare(count)


if __name__ == "__main__":
    asyncio.run(main())
