"""The report of a run: one static HTML file that asks nobody for anything.

Everything a page, a tool or a model wrote is escaped; the file's own policy allows its one script and no request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..content.box import box_text
from ..contracts.event import EVENT, EventBase
from ..errors import RunError
from .folder import EVENTS, REPORT, VIDEO, RunFolder
from .report_pictures import Pictures, shape
from .report_search import main_score
from .report_view import View, edit_words, ranking

# Longer texts are cut; the whole of them is in the run folder.
MAX_TEXT = 12_000


def write_report(run: Path | str, out: Path | None = None) -> Path:
    """Write the report of a run, and of the runs inside its folder; return the file's path.

    ``out`` is the file, else ``report.html`` in the run folder. A run that is unfinished or was killed has a report,
    too. Raises ``UsageError`` when ``run`` is no run folder, ``RunError`` when it is damaged or can't be written to.
    """
    folder = RunFolder.open(Path(run), mend=False)
    inner = [(child, write_report(child.path)) for child in inner_runs(folder)]
    path = out or folder.path / REPORT
    videos = [(video.name, _link(path, video)) for video in sorted((folder.path / VIDEO).glob("*.webm"))]
    text = render_report(folder, [(child, _link(path, report)) for child, report in inner], videos)
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError as error:
        raise RunError(f"can't write {path}: {error.strerror or error}") from error
    return path


def render_report(
    folder: RunFolder,
    inner: list[tuple[RunFolder, str]] | None = None,
    videos: list[tuple[str, str]] | None = None,
) -> str:
    """Return the report of a run as HTML.

    ``inner`` are the runs inside it with the addresses of their reports, ``videos`` names and addresses of videos.
    """
    view = View(folder.info, events_of(folder))
    pictures = Pictures(folder)
    script = _asset("report.js") + _asset("report_search.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _environment(pictures).get_template("report.html.j2")
    return page.render(
        view=view,
        info=folder.info,
        pictures=pictures,
        inner=inner or [],
        videos=videos or [],
        style=Markup(_asset("report.css") + _asset("report_search.css")),
        script=Markup(script),
        script_hash=digest,
    )


def events_of(folder: RunFolder) -> list[EventBase]:
    """Return the events of a run. Raises ``RunError`` for one that this version does not know."""
    try:
        return [EVENT.validate_python(line) for line in folder.lines(EVENTS)]
    except ValueError as error:
        raise RunError(
            f"{folder.path / EVENTS} holds an event that this version does not know: {error}"
        ) from error


def inner_runs(folder: RunFolder) -> Iterator[RunFolder]:
    """Yield the runs inside a run's folder (the steps of a run file, agents used as tools), in order."""
    heads = [*folder.path.glob("*/run.json"), *folder.path.glob("*/*/run.json")]
    for head in sorted(heads):
        yield RunFolder.open(head.parent, mend=False)


def _environment(pictures: Pictures) -> Environment:
    environment = Environment(
        loader=PackageLoader("agentkit.runs", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cut": _cut,
        # Not Jinja's tojson, which escapes for scripts: what it gives would be escaped again.
        "json": _json,
        "percent": lambda value: f"{100 * value:.1f}%",
        "seconds": _seconds,
        "box": box_text,
        "clock": lambda value: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value)),
        "number": lambda value: f"{value:,}",
        "money": lambda value: "unknown" if value is None else f"${value:.4f}" if value else "$0",
        "edit_words": edit_words,
        "short": lambda digest: (digest or "")[:12],
    }
    environment.globals |= {
        "picture": pictures.view,
        "pictures": pictures,
        "ranking": ranking,
        "shape": shape,
        "main_score": main_score,
    }
    return environment


def _link(report: Path, other: Path) -> str:
    """Return the address of another report, as seen from this one."""
    try:
        return other.resolve().relative_to(report.resolve().parent).as_posix()
    except ValueError:
        return other.resolve().as_uri()


def _asset(name: str) -> str:
    return resources.files("agentkit.runs").joinpath(name).read_text("utf-8")


def _cut(text: Any, limit: int = MAX_TEXT) -> str:
    text = str(text)
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n… {len(text) - limit:,} more characters are in {EVENTS}"


def _json(value: Any, indent: int | None = None) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=indent)


def _seconds(value: float) -> str:
    if value < 0.1:
        return f"{1000 * value:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes} min {seconds:02d} s"
