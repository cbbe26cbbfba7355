"""``agentkit eval dynvqa``: Dyn-VQA (OmniSearch, arXiv 2411.02937) in its published JSONL, with a cache of searches.

A line has ``image_url``, ``question``, ``question_id``, ``answer`` (a list) and ``gloden_query`` (so spelled;
``golden_query`` in the release of 202502). Pictures are files beside the JSONL, or are fetched by the caller first:
nothing is downloaded here.
"""

from __future__ import annotations

import hashlib
import json
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
from ..tools.retrieval import Capability, Passage, Query, Source
from .intervals import average, proportion
from .keep import keep
from .research.kept import Kept
from .research.metrics import exact, f1, f1_recall

SEARCHES = "searches.jsonl"


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


class CachedSource:
    """A source whose answers are kept in a file, so that a run can be repeated without it."""

    def __init__(self, source: Source, path: Path) -> None:
        self._source, self._path = source, path
        self.name = source.name
        self.capabilities: frozenset[Capability] = source.capabilities
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        self._kept: dict[str, list[Any]] = {entry["key"]: entry["found"] for entry in map(json.loads, lines)}

    async def search(self, query: Query, k: int = 5) -> list[Passage]:
        key = self._key(query, k)
        if key not in self._kept:
            found = await self._source.search(query, k)
            self._kept[key] = [passage.model_dump(mode="json") for passage in found]
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "found": self._kept[key]}) + "\n")
        return [Passage.model_validate(item) for item in self._kept[key]]

    def _key(self, query: Query, k: int) -> str:
        asked = [self.name, query.text, query.image.sha256 if query.image else None, query.want, k]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


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
    kept = Kept(folder, "rows.jsonl")
    done = {row["question_id"] for row in kept.rows}
    given = list(sources) if sources is not None else [source_of(f"index:{index}")] if index else []
    cached = [CachedSource(source, folder / f"{source.name}-{SEARCHES}") for source in given]
    cast = Cast(settings)
    try:
        agent = ResearchAgent(
            sources=cached,
            strategy="plan" if cached else "none",
            settings=settings.model_copy(update={"runs": folder / "runs"}),
            cast=cast,
        )
        left = [line for line in asked if line.question_id not in done]
        for number, line in enumerate(left, start=1):
            row = await _answer(agent, line, data.parent)
            kept.add([row])
            say(f"{number} of {len(left)}: {line.question_id}: F1-recall {row['f1_recall']:.2f}")
    finally:
        await cast.aclose()
    mine = [row for row in kept.rows if row["question_id"] in {line.question_id for line in asked}]
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
    model = settings.decide or settings.model or "smollm2"
    return keep(Evaluation(name="dynvqa", model=model, items=len(mine), metrics=metrics, rows=mine), out)


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
