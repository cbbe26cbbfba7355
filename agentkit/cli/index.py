"""``agentkit index``: the local multimodal index, what is in it, and whether it is well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .flags import Flags, with_flags

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import Settings

LOCAL = "agentkit.tools.retrieval.index"

Folder = Annotated[
    Path | None,
    typer.Option(
        "--index", help="The index's folder; else AGENTKIT_INDEX, else ./index.", show_default=False
    ),
]
Places = Annotated[list[str], typer.Argument(help="Files, folders and URLs.", metavar="PATH|URL...")]
Embedder = Annotated[
    str | None,
    typer.Option("--embedder", help="For texts: minilm (packaged), or hf:FOLDER of a sentence encoder."),
]
Looks = Annotated[
    str | None,
    typer.Option(
        "--looks",
        help="For pictures: efficientnet-lite0 (packaged), hf:FOLDER of a CLIP or SigLIP model, or none.",
    ),
]

index = typer.Typer(
    no_args_is_help=True, help="Build and keep a local index of texts, PDFs, pages and pictures."
)


def add(
    places: Places,
    folder: Folder = None,
    ocr: Annotated[bool, typer.Option("--ocr/--no-ocr", help="Read the text in pictures.")] = True,
    caption: Annotated[
        bool,
        typer.Option("--caption", help="Let the model of --see describe pictures that nobody has described."),
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow", help="A host (name or name:port) that may be a private address; repeat for several."
        ),
    ] = None,
    chroma: Annotated[
        str | None,
        typer.Option("--chroma", help="URL of a Chroma server for the vectors of a new index."),
    ] = None,
    embedder: Embedder = None,
    looks: Looks = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Documents taken apart at a time.")] = 2,
    *,
    flags: Flags,
) -> None:
    """Add files, folders and URLs to an index, or what changed in them.

    Run again, it goes on where it was stopped; what is there already costs nothing. Files that are gone from a folder
    are removed.
    """
    from .kinds import load_object
    from .running import wait_for
    from .terminal import counted, print_json, show

    settings = flags.settings()
    policy: Any = load_object("agentkit.tools.retrieval.fetch:FetchPolicy")(allow=frozenset(allow or ()))
    captioner = _captioner(settings) if caption else None
    way = load_object(f"{LOCAL}.passages:Way")(ocr=ocr, captioner=captioner)
    with (
        _opened(folder, create=True, embedder=embedder, looks=looks, chroma=chroma) as opened,
        _progress() as listen,
    ):
        report: Any = wait_for(opened.add(places, way=way, policy=policy, workers=workers, listen=listen))
    if flags.json:
        print_json({"index": str(opened.folder), **asdict(report)})
        return
    same = f", {counted(report.duplicates, 'duplicate')}" if report.duplicates else ""
    gone = f", {report.removed} removed" if report.removed else ""
    bad = f", {counted(len(report.problems), 'problem')}" if report.problems else ""
    show(
        f"{opened.folder}: {report.added} added, {report.unchanged} unchanged{same}{gone}{bad}; "
        f"{counted(report.passages, 'passage')} written, {report.embedded} embedded, {report.seconds:.0f} s"
    )


def list_(folder: Folder = None, *, flags: Flags) -> None:
    """List the documents of an index: address, title, date, passages."""
    from .terminal import print_json, show

    flags.settings()
    with _opened(folder) as opened:
        entries, counts = opened.entries(), opened.store.counts()
    if flags.json:
        print_json(
            {
                "index": str(opened.folder),
                "counts": counts,
                "documents": [asdict(entry) for entry in entries],
            }
        )
        return
    for entry in entries:
        dated = f", {entry.date}" if entry.date else ""
        show(f"{entry.address}  “{entry.title}”{dated} ({entry.passages})")
    show(", ".join(f"{number} {name}" for name, number in counts.items()))


def check(
    folder: Folder = None,
    queries: Annotated[int, typer.Option("--queries", min=1, help="How many questions to ask it.")] = 100,
    *,
    flags: Flags,
) -> None:
    """Check an index: is it whole, what recall it has against exact search, how fast it answers.

    Exit code 5 when something is missing.
    """
    from .exits import FAILED
    from .kinds import load_object
    from .terminal import note, print_json, show

    flags.settings()
    run: Any = load_object(f"{LOCAL}.checking:check")
    with _opened(folder) as opened:
        health = run(opened, queries, say=lambda line: note(line, "dim"))
    if flags.json:
        print_json({key: value for key, value in asdict(health).items() if key != "recalls"})
    else:
        missing = sum(health.missing.values())
        state = "whole" if health.whole else f"{missing} vectors missing, {health.unfinished} unfinished"
        show(f"{opened.folder}: {health.passages} passages, {state}")
        if health.recall is not None:
            show(
                f"recall@10 against exact search: {health.recall:.3f} over {health.queries} questions; a search takes "
                f"{health.search_ms:.1f} ms, embedding its text {health.embed_ms:.1f} ms, together "
                f"{health.ratio:.2f} times the embedding"
            )
    if not health.whole:
        raise typer.Exit(FAILED)


def remove(places: Places, folder: Folder = None, *, flags: Flags) -> None:
    """Remove documents from an index: by path or URL, or all under a folder."""
    from .running import wait_for
    from .terminal import counted, print_json, show

    flags.settings()
    with _opened(folder) as opened:
        count: Any = wait_for(opened.remove(places))
    if flags.json:
        print_json({"index": str(opened.folder), "removed": count})
    else:
        show(f"{opened.folder}: {counted(count, 'document')} removed")


def rebuild(
    folder: Folder = None,
    embedder: Embedder = None,
    looks: Looks = None,
    *,
    flags: Flags,
) -> None:
    """Embed everything in an index again, with another embedder or another version of it."""
    from .kinds import load_object
    from .terminal import note, print_json, show

    flags.settings()
    run: Any = load_object(f"{LOCAL}.rebuilding:rebuild")
    place = folder or load_object(f"{LOCAL}.local:default_index")()
    problems = run(
        place,
        embedder=embedder,
        looks=looks,
        say=lambda done, total: note(f"  {done} of {total} passages", "dim"),
    )
    for problem in problems:
        note(f"  ✗ {problem}", "yellow")
    if flags.json:
        print_json({"index": str(place), "problems": problems})
    else:
        show(f"{place}: rebuilt")


def search(
    words: Annotated[str | None, typer.Argument(help="What to search for.", metavar="TEXT")] = None,
    folder: Folder = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="A picture: find it, and others like it.")
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Find pictures, not texts.")] = False,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="How many passages.")] = 5,
    *,
    flags: Flags,
) -> None:
    """Search an index for texts, for pictures by words, or for pictures like one."""
    from ..content import Image
    from .kinds import load_object
    from .running import wait_for
    from .terminal import print_json, show

    flags.settings()
    query: Any = load_object("agentkit.tools.retrieval.source:Query")(
        words, Image.open(image) if image else None, "image" if pictures else "text"
    )
    with _opened(folder) as opened:
        found: Any = wait_for(opened.search(query, k))
    if flags.json:
        print_json({"passages": [passage.model_dump(mode="json") for passage in found]})
        return
    for number, passage in enumerate(found, start=1):
        where = f" page {passage.page}" if passage.page else ""
        show(f"{number}. {passage.title}: {passage.document}{where} ({passage.score:.3f})")
        show("   " + " ".join(passage.text.split())[:300])


def _captioner(settings: Settings) -> Any:
    """Return who describes pictures. Raises ``UsageError`` when no model was chosen that can."""
    from ..errors import UsageError
    from ..models.registry import load_model
    from .kinds import load_object

    reference = settings.see or settings.model
    if reference is None:
        raise UsageError("the embedded models describe no pictures", mend="name a model that does with --see")
    make: Any = load_object("agentkit.tools.retrieval.captions:ModelCaptioner")
    return make(load_model(reference, settings))


@contextmanager
def _opened(folder: Path | None, **options: Any) -> Iterator[Any]:
    from .kinds import load_object

    made: Any = load_object(f"{LOCAL}.local:LocalIndex")
    with made(folder, **options) as opened:
        yield opened


@contextmanager
def _progress() -> Iterator[Callable[[Any], None]]:
    """Show one moving line on a terminal; elsewhere a line now and then. Problems always have a line each."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from .terminal import err, note, plain

    console = err()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("")

        def listen(step: Any) -> None:
            progress.update(task, completed=step.done, total=step.total, description=plain(step.address, 60))
            if step.problem is not None:
                note(f"  ✗ {step.problem}", "yellow")
            elif not console.is_terminal and step.done % 100 == 0:
                note(f"  {step.done} of {step.total} documents", "dim")

        yield listen


COMMANDS = {
    "add": add,
    "list": list_,
    "check": check,
    "remove": remove,
    "search": search,
    "rebuild": rebuild,
}
for name, command in COMMANDS.items():
    index.command(name)(with_flags(command))
