"""The benchmark of observations: its page is what it says, and the snapshot finds what is there."""

from __future__ import annotations

from agentkit.evals.observation.bench import measure
from agentkit.evals.observation.page import FRAMES, REACHABLE, SCROLLER, SHADOWS, UNREACHABLE, make_page


def test_a_page_has_every_class_and_about_the_number_asked_for():
    page = make_page(400, seed=3)
    assert set(page.reachable) == {*REACHABLE, *SHADOWS, SCROLLER, *FRAMES}
    assert set(page.unreachable) == set(UNREACHABLE)
    labels = [
        label for group in (page.reachable, page.unreachable) for some in group.values() for label in some
    ]
    assert len(labels) == len(set(labels))
    assert 400 <= len(labels) < 410
    html = page.html + "".join(page.frames.values())
    assert all(f"{label}<" in html or f'"{label}"' in html or f"{label} " in html for label in labels)
    assert make_page(400, seed=3) == page


async def test_the_snapshot_finds_all_that_can_be_reached_and_nothing_else():
    rows, metrics = await measure(150, rounds=1)
    for name in ("recall", "recall in view", "told actionable", "DOM unchanged"):
        assert metrics[f"150/{name}"].mean == 1.0, name
    assert metrics["150/useless references"].mean == 0.0
    assert metrics["150/tokens an element"].mean <= 26
    assert metrics["150/recall in view"].n > 20
    theirs = {row["class"]: row for row in rows if row["way"] == "aria_snapshot"}
    # The comparison is fair: what Playwright does see is counted as seen.
    assert theirs["button"]["referenced"] == theirs["button"]["n"] > 0
    assert theirs["same-site-frame"]["referenced"] == theirs["same-site-frame"]["n"] > 0
