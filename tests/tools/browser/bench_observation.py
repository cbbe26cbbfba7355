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


def references(text: str, kind: str) -> int:
    """Count elements of a class that have a reference, in either text."""
    ours = re.findall(rf'\[e\d+\] [a-z]+ "{kind}-(\d+)', text)
    theirs = re.findall(rf"{kind}-(\d+)[^\n]*\[ref=", text)
    return len(set(ours + theirs))


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
        found = sum(references(text, kind) for kind in REACHABLE)
        useless = sum(references(text, kind) for kind in UNREACHABLE)
        missed = {k: kinds[k] - references(text, k) for k in REACHABLE if kinds[k] > references(text, k)}
        print(
            f"  {name:14} median {1000 * statistics.median(times[name]):6.0f} ms, least {1000 * min(times[name]):6.0f} ms; "
            f"{len(text) / 4:7.0f} tokens, {len(text) / 4 / max(found, 1):5.1f} an element; "
            f"recall {found / sum(kinds[k] for k in REACHABLE):.3f}, useless {useless / sum(kinds[k] for k in UNREACHABLE):.2f}"
            + (f"; missed {missed}" if missed else "")
        )


async def main() -> None:
    for count in [int(arg) for arg in sys.argv[1:]] or [200, 1000]:
        await compare(count)


if __name__ == "__main__":
    asyncio.run(main())
