"""``agentkit remember`` and ``agentkit memory``: learn from runs, and look at and manage what was learned."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .flags import Flags

if TYPE_CHECKING:
    from ..config import Settings

ARCHIVE = "agentkit.memory.archive:Archive"

Place = Annotated[
    Path | None,
    typer.Option("--memory", help="The folder. [AGENTKIT_MEMORY; agentkit-memory/ beside the runs]"),
]


class Deed(StrEnum):
    """What is done with a memory."""

    list = "list"
    show = "show"
    forget = "forget"
    export = "export"
    load = "import"
    set = "set"
    confirm = "confirm"


# How many words each takes after it: at least, at most (None: any number).
TAKES: dict[Deed, tuple[int, int | None, str]] = {
    Deed.list: (0, 0, "nothing"),
    Deed.show: (1, 1, "an ID"),
    Deed.forget: (1, None, "one or more IDs"),
    Deed.export: (1, 1, "a FILE"),
    Deed.load: (1, 1, "a FILE"),
    Deed.set: (2, 2, "an ATTRIBUTE and its VALUE"),
    Deed.confirm: (1, 1, "the ID of a claim"),
}


def remember(
    run: Annotated[list[Path], typer.Argument(help="Run folders.")],
    distil: Annotated[
        bool, typer.Option("--distil", help="Let the model of --decide write the tips; else rules do.")
    ] = False,
    memory: Place = None,
    *,
    flags: Flags,
) -> None:
    """Learn from runs: exemplars of those that succeeded, tips from those that did not."""
    from .kinds import load_object
    from .running import wait_for
    from .terminal import counted, note, plain, print_json, show

    settings = flags.settings()
    archive = _archive(settings, memory)
    learn: Any = load_object("agentkit.memory.remember:learn_from_runs")

    async def work() -> Any:
        from ..runtime.cast import Cast

        cast = Cast(settings)
        try:
            model = await cast.get("decide") if distil else None
            return await learn(archive.store("exemplar"), archive.store("tip"), run, model)
        finally:
            await cast.aclose()

    learned = wait_for(work())
    if flags.json:
        print_json(
            {
                "memory": str(archive.folder),
                "entries": [entry.to_line() for entry in [*learned.exemplars, *learned.tips]],
                "credited": learned.credited,
            }
        )
        return
    for entry in [*learned.exemplars, *learned.tips]:
        show(f"{entry.KIND} {entry.id}: {plain(entry.summary, 200)}")
    if learned.credited:
        note(f"{counted(learned.credited, 'earlier tip')} credited with how it went")
    if not learned.exemplars and not learned.tips:
        note(
            "nothing was learned: these runs failed, and there is no success of their kind to compare them with"
        )


def memory(
    what: Annotated[Deed, typer.Argument(help="What to do.")] = Deed.list,
    words: Annotated[
        list[str] | None,
        typer.Argument(help="IDs, a FILE, or an ATTRIBUTE and its VALUE (a fact about you)."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", "-k", help="exemplar, tip, fact or step; repeatable. Default: all."),
    ] = None,
    about: Annotated[
        str | None, typer.Option("--about", help="List what is nearest to this text, the nearest first.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many to list.")] = 50,
    memory: Place = None,
    *,
    flags: Flags,
) -> None:
    """Look at and manage what was learned: exemplars, tips, facts about you, steps of conversations."""
    from ..errors import UsageError

    given = words or []
    least, most, wanted = TAKES[what]
    if len(given) < least or (most is not None and len(given) > most):
        raise UsageError(f"agentkit memory {what.value} takes {wanted}, not {len(given)} words")
    if about is not None and what is not Deed.list:
        raise UsageError("--about is for `agentkit memory list`")
    archive = _archive(flags.settings(), memory)
    if what is Deed.list:
        _list(archive, kind or [], about, limit, flags)
    elif what is Deed.export or what is Deed.load:
        _carry(archive, what, Path(given[0]), kind or [], flags)
    else:
        _one(archive, what, given, flags)


def _archive(settings: Settings, place: Path | None) -> Any:
    """Return the memory of a folder, embedded as the settings say."""
    from ..models.embed import load_embedder
    from .kinds import load_object

    folder = place or load_object("agentkit.memory.exemplars:default_folder")(settings)
    return load_object(ARCHIVE)(folder, embedder=load_embedder(settings.embed or "minilm"))


def _list(archive: Any, kinds: list[str], about: str | None, limit: int, flags: Flags) -> None:
    from .terminal import note, print_json

    if about is None:
        found = [(entry, None) for entry in archive.entries(kinds)]
        found.sort(key=lambda pair: pair[0].created, reverse=True)
    else:
        found = [(match.entry, match.similarity) for match in archive.nearest(about, limit, kinds)]
    rows = [_row(entry, similarity) for entry, similarity in found[:limit]]
    if flags.json:
        print_json(rows)
    elif rows:
        _table(rows)
        if len(found) > limit:
            note(f"{len(found) - limit} more; --limit shows more")
    else:
        note(f"nothing is remembered in {archive.folder}")


def _row(entry: Any, similarity: float | None) -> dict[str, Any]:
    row = {
        "kind": entry.KIND,
        "id": entry.id,
        "created": entry.created,
        "trust": entry.trust,
        "run": entry.run,
        "summary": entry.summary,
    }
    return row if similarity is None else {**row, "similarity": round(similarity, 4)}


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from .terminal import out, plain

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("kind", "id", "when", "trust", "what"):
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    for row in rows:
        style = "yellow" if row["trust"] == "untrusted" else ""
        when = row["created"][:16].replace("T", " ")
        mark = Text(row["trust"], style=style)
        table.add_row(row["kind"], row["id"][:8], when, mark, Text(plain(row["summary"], 100)))
    out().print(table, soft_wrap=False)


def _carry(archive: Any, what: Deed, file: Path, kinds: list[str], flags: Flags) -> None:
    from ..errors import UsageError
    from .terminal import counted, note, print_json

    if what is Deed.load and kinds:
        raise UsageError("an import takes all that a file holds", mend="leave out --kind")
    counts = archive.export(file, kinds) if what is Deed.export else archive.load(file)
    if flags.json:
        print_json({"file": str(file), "memory": str(archive.folder), "counts": counts})
        return
    told = ", ".join(counted(number, kind) for kind, number in counts.items() if number) or "nothing"
    note(f"{told} written to {file}" if what is Deed.export else f"{told} new in {archive.folder}")


def _one(archive: Any, what: Deed, given: list[str], flags: Flags) -> None:
    """Show, forget, set or confirm, and show what it was about."""
    from .terminal import note, print_json, show

    if what is Deed.show:
        entries = [archive.show(given[0])]
    elif what is Deed.forget:
        # All are found before any is gone.
        ids = [archive.show(id).id for id in given]
        entries = [archive.forget(id) for id in dict.fromkeys(ids)]
    elif what is Deed.set:
        entries = [archive.store("fact").set(*given)]
    else:
        entries = [archive.store("fact").confirm(given[0])]
    if flags.json:
        print_json([entry.to_line() for entry in entries])
        return
    for entry in entries:
        if what is Deed.show:
            show(*_told(entry.to_line()))
        else:
            done = {Deed.forget: "forgot", Deed.set: "kept", Deed.confirm: "confirmed"}[what]
            note(f"{done} {entry.KIND} {entry.id[:8]}: {entry.summary}")


def _told(data: dict[str, Any]) -> list[str]:
    """Return an entry for people, a line a field, the steps of a trajectory below each other."""
    lines = []
    for name, value in data.items():
        if name == "steps":
            for number, step in enumerate(value, start=1):
                lines += [f"step {number}: {step['action']}"]
                lines += [f"    {line}" for line in step["observation"].splitlines()]
        elif name == "screen":
            lines.append(f"screen: {'described' if value else 'none'}")
        elif value not in ("", [], None):
            lines.append(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
    return lines
