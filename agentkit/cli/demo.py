"""What ``agentkit demo`` prints around the four parts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .flags import Flags
from .kinds import load_object
from .progress import progress
from .running import wait_for
from .terminal import note, print_json, show

DEMO = "agentkit.evals.demo:run_demo"


def run_demo(flags: Flags) -> int:
    """Run the demo and return its exit code: 0 when every part showed what it was to show, else 5."""
    settings = flags.settings()
    out = flags.out or settings.runs / time.strftime("demo-%Y%m%d-%H%M%S")
    note(f"agentkit demo: offline, on the embedded models; everything it does is kept in {out}")
    started = time.monotonic()
    parts = wait_for(load_object(DEMO)(settings, Path(out), note, progress(), flags.answerers()))
    reports = [run / "report.html" for part in parts for run in part.runs]
    if flags.json:
        print_json(_summary(parts, out))
    else:
        show("", *(f"{'✓' if part.shown else '✗'} {part.name}" for part in parts))
        show(
            f"{time.monotonic() - started:.0f} s. Reports, one a run:", *(f"  {report}" for report in reports)
        )
    return 0 if all(part.shown for part in parts) else 5


def _summary(parts: list[Any], out: Path) -> dict[str, Any]:
    rows = [
        {"part": part.name, "shown": part.shown, "runs": [str(run) for run in part.runs]} for part in parts
    ]
    return {
        "status": "done" if all(part.shown for part in parts) else "failed",
        "parts": rows,
        "run": str(out),
    }
