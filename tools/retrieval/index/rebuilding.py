"""Making all vectors of an index anew, with another embedder: the texts are in the index, nothing is read again."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from agentkit.content import Image
from agentkit.errors import ImageError, UsageError
from agentkit.models.embed import load_embedder

from ..looks import load_looks
from .adding import BATCH, writing
from .local import NO_LOOKS, facts_of, picture_place, text_space
from .passages import embedded_text
from .store import Store
from .vectors import SPACES, Vectors

Item = TypeVar("Item")


def rebuild(
    folder: Path,
    *,
    embedder: str | None = None,
    looks: str | None = None,
    say: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Embed every passage and picture of an index again; return what was wrong with pictures.

    ``embedder`` and ``looks`` are references; left out, those that the index names. The old vectors are used until
    the new ones are whole. ``say`` gets passages done and all.
    """
    store = Store(folder, create=False)
    try:
        with writing(folder):
            new_embedder = load_embedder(embedder or store.fact("embedder") or "minilm")
            chosen = looks or store.fact("looks") or NO_LOOKS
            new_looks = None if chosen == NO_LOOKS else load_looks(chosen)
            place = store.fact("chroma") or folder
            old, name = store.fact("name") or "index", f"agentkit-{uuid.uuid4().hex[:12]}"
            vectors, problems, done = Vectors(place, name), [], 0
            total = sum(number for kind, number in store.counts().items() if kind != "documents")
            for batch in _batches(store.texts(), BATCH):
                found = new_embedder.embed([embedded_text(title, text) for _, _, title, text in batch])
                for space in SPACES:
                    rows = [i for i, (_, kind, _, _) in enumerate(batch) if text_space(kind) == space]
                    if rows:
                        vectors.put(space, [batch[i][0] for i in rows], found[rows])
                pictures = [item for item, kind, _, _ in batch if kind == "picture"]
                if new_looks is not None and pictures:
                    images = _pictures(store, folder, pictures, problems)
                    if images:
                        vectors.put("pictures", list(images), new_looks.embed(list(images.values())))
                done += len(batch)
                say(done, total)
            store.set_facts({**facts_of(new_embedder, new_looks), "name": name})
            Vectors(place, old).drop()
    finally:
        store.close()
    return problems


def _pictures(store: Store, folder: Path, ids: list[str], problems: list[str]) -> dict[str, Image]:
    found = {}
    for item, row in store.fetch(ids).items():
        try:
            image = Image.open(picture_place(folder, row) or "")
            image.pixels  # noqa: B018 - decodes: a picture that broke meanwhile is left out here
        except (ImageError, UsageError) as error:
            problems.append(f"{row.address}: {error.message}")
        else:
            found[item] = image
    return found


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
