"""Chroma, kept to what agentkit needs: our embedder, our index settings, a check of both."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.errors import MissingExtra, OtherVersion, UsageError
from agentkit.models.embed import embedder_version

if TYPE_CHECKING:
    from chromadb import Collection

    from agentkit.models.embed import Embedder

FORMAT = 1
# Chroma's default settings lose recall as a collection grows (0.30 at 100,000 vectors, measured); these hold it.
HNSW = {"space": "cosine", "ef_search": 500, "ef_construction": 200, "max_neighbors": 32}


def open_collection(name: str, folder: Path | None, embedder: Embedder) -> Collection:
    """Return a collection of a folder, or of memory alone (``folder`` None), made if it is not there.

    Raises ``MissingExtra`` without chromadb, ``UsageError`` when the folder can't be a memory, ``OtherVersion`` when
    it is of another format. Vectors of another embedder are refused by ``check_embedder``, not here, so that an old
    memory can still be listed and exported.
    """
    return _open(name, folder, _facts(embedder), _function(embedder))


def open_vectors(name: str, folder: Path | None, reference: str) -> Collection:
    """Return a collection whose vectors are given, not made of text; ``reference`` names what makes them."""
    return _open(name, folder, {"format": FORMAT, "embedder": reference, "version": ""}, None)


def _open(name: str, folder: Path | None, facts: dict[str, Any], function: Any) -> Collection:
    try:
        import chromadb
        from chromadb.config import Settings as ChromaSettings
        from chromadb.errors import ChromaError
    except ImportError as error:
        raise MissingExtra("chromadb", "memory") from error
    settings = ChromaSettings(anonymized_telemetry=False, allow_reset=False)
    # Clients in memory share one store within a process: a name of its own keeps two memories apart.
    unique = name if folder is not None else f"{name}-{uuid.uuid4().hex}"
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            # Chroma keeps one store a path as it is written: a relative one would be another folder's after a chdir.
            client = chromadb.PersistentClient(folder.resolve(), settings)
        else:
            client = chromadb.EphemeralClient(settings)
        collection = client.get_or_create_collection(
            unique,
            embedding_function=function,
            configuration={"hnsw": HNSW},  # type: ignore[arg-type]
            metadata=facts,
        )
    except (OSError, ValueError, ChromaError) as error:
        raise UsageError(f"{folder} can't be opened as a memory: {error}") from error
    found = (collection.metadata or {}).get("format")
    if found != FORMAT:
        raise OtherVersion(
            f"{folder} was written in memory format {found}; this agentkit reads {FORMAT}",
            mend="export it with the agentkit version that wrote it",
        )
    return collection


def check_embedder(collection: Collection, embedder: Embedder, folder: Path | None) -> None:
    """Raise ``OtherVersion`` when the vectors of a collection are not this embedder's."""
    written, now = dict(collection.metadata or {}), _facts(embedder)
    if {key: written.get(key) for key in now} != now:
        raise OtherVersion(
            f"the memory {folder} was embedded by {written.get('embedder')} {written.get('version')}; "
            f"this is {now['embedder']} {now['version']}".rstrip(),
            mend="`agentkit memory export FILE`, then `agentkit memory import FILE` into a new folder, "
            "or use the embedder that wrote it",
        )


def _facts(embedder: Embedder) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "embedder": embedder.reference,
        "version": embedder_version(embedder.reference),
    }


def _function(embedder: Embedder) -> Any:
    """Return the embedder in the form that Chroma takes."""
    from chromadb import Documents, EmbeddingFunction, Embeddings

    class KitEmbedding(EmbeddingFunction[Documents]):
        def __init__(self) -> None:
            """Chroma asks for a constructor of the function's own."""

        def __call__(self, input: Documents) -> Embeddings:
            return list(embedder.embed(list(input)))

        @staticmethod
        def name() -> str:
            return "agentkit"

        def get_config(self) -> dict[str, Any]:
            return {"reference": embedder.reference}

        @staticmethod
        def build_from_config(config: dict[str, Any]) -> Any:
            from agentkit.models.embed import load_embedder

            return _function(load_embedder(config["reference"]))

    return KitEmbedding()
