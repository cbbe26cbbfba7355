"""``agentkit eval dynvqa``: Dyn-VQA (OmniSearch, arXiv 2411.02937) in its published JSONL, with a cache of searches.

A line has ``image_url``, ``question``, ``question_id``, ``answer`` (a list) and ``gloden_query`` (so spelled;
``golden_query`` in the release of 202502). Pictures are files beside the JSONL, or are fetched by the caller first:
nothing is downloaded here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from agentkit.config import Settings
from agentkit.content import Image
from agentkit.contracts.evaluation import Evaluation
from agentkit.errors import UsageError
from agentkit.runtime.cast import Cast

from ..agents.research import ResearchAgent
from ..agents.research.agent import source_of
from ..tools.retrieval import Source
from ..tools.retrieval.cache import Cached
from .intervals import average, proportion
from .keep import keep
from .research.kept import check_alike
from .research.metrics import exact, f1, f1_recall
from .research.run import model_of
from .rows import Rows

SEARCHES = "searches"


class Line(BaseModel):
    """A question as published; further keys are left alone."""

    model_config = ConfigDict(extra="ignore")

    image_url: str
    question: str
    question_id: str
    answer: list[str]
    query: str | None = Field(default=None, validation_alias=AliasChoices("gloden_query", "golden_query"))

    @property
    def language(self) -> Literal["zh", "en"]:
        return "zh" if self.question_id.startswith("zh") else "en"


def load(path: Path) -> list[Line]:
    """Return the questions of a file. Raises ``UsageError`` that names the line that is no question."""
    if not path.is_file():
        raise UsageError(f"there is no Dyn-VQA file {path}", mend="--data FILE: the published JSONL")
    found = []
    for number, text in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            found.append(Line.model_validate_json(text))
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(
                f"{path}:{number}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
            ) from error
    return found


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    data: Path,
    index: Path | None = None,
    items: int | None = None,
    sources: Sequence[Source] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Answer the questions of ``data`` with the research agent, over an index (or ``sources``); keep every search.

    A question whose picture is not there is answered without it, and its row says so. With ``out`` rows and searches
    are kept there, and the same command goes on where it was stopped.
    """
    asked = load(data)[:items]
    folder = out or Path(settings.runs) / "dynvqa"
    kept = Rows(folder, ("question_id",))
    about = _about(settings, index)
    check_alike(kept, **about)
    given = list(sources) if sources is not None else [source_of(f"index:{index}")] if index else []
    cached = [Cached(source, folder / SEARCHES) for source in given]
    cast = Cast(settings)
    try:
        agent = ResearchAgent(
            sources=cached,
            strategy="plan" if cached else "none",
            settings=settings.model_copy(update={"runs": folder / "runs"}),
            cast=cast,
        )
        left = [line for line in asked if kept.find({"question_id": line.question_id}) is None]
        for number, line in enumerate(left, start=1):
            row = await _answer(agent, line, data.parent)
            kept.add([row | about])
            say(f"{number} of {len(left)}: {line.question_id}: F1-recall {row['f1_recall']:.2f}")
    finally:
        await cast.aclose()
    found = (kept.find({"question_id": line.question_id}) for line in asked)
    mine = [row for row in found if row is not None]
    metrics = {}
    for language in ("en", "zh"):
        some = [row for row in mine if row["language"] == language]
        if some:
            metrics[f"{language}/F1-recall"] = average([row["f1_recall"] for row in some])
    metrics |= {
        "F1-recall": average([row["f1_recall"] for row in mine]),
        "F1": average([row["f1"] for row in mine]),
        "exact": proportion(sum(row["exact"] == 1 for row in mine), len(mine)),
        "searches": average([row["searches"] for row in mine]),
    }
    model = model_of(settings)
    return keep(Evaluation(name="dynvqa", model=model, items=len(mine), metrics=metrics, rows=mine), out)


def _about(settings: Settings, index: Path | None) -> dict[str, str | None]:
    """Return what all rows of a folder have alike."""
    return {"model": model_of(settings), "index": str(index.absolute()) if index else None}


async def _answer(agent: ResearchAgent, line: Line, folder: Path) -> dict[str, Any]:
    picture = _picture(line.image_url, folder)
    result = await agent.arun(line.question, images=[picture] if picture is not None else [])
    output: dict[str, Any] = result.output if isinstance(result.output, dict) else {}
    said = output.get("short") or ""
    return {
        "question_id": line.question_id,
        "language": line.language,
        "question": line.question,
        "gold": line.answer,
        "short": output.get("short"),
        "answer": result.answer,
        "picture": picture is not None,
        "f1_recall": f1_recall(said, line.answer),
        "f1": f1(said, line.answer),
        "exact": exact(said, line.answer),
        "searches": output.get("searches", 0),
        "status": result.status,
    }


def _picture(address: str, folder: Path) -> Image | None:
    """Return the picture of a line when its file is there: at the path, or by its name beside the JSONL."""
    name = Path(unquote(urlsplit(address).path)).name
    places = [folder / "images" / name, folder / name]
    if "://" not in address:
        places.insert(0, folder / address)
    found = next((place for place in places if place.is_file()), None)
    return None if found is None else Image.open(found)
