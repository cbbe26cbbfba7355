"""From a reference string to a model: one table, every backend imported when it is asked for."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..config import Settings
from ..errors import UsageError
from .base import Model
from .card import VisionCard
from .prices import price_table


@dataclass(frozen=True)
class Scheme:
    """A kind of reference: how it is written, what it is, how it is loaded, which extra it needs."""

    example: str
    what: str
    load: Callable[[str, Settings], Model]
    extra: str | None = None


def _load_openai(reference: str, settings: Settings) -> Model:
    from .openai_api import load

    return load(reference, settings.of(reference), settings.request)


def _load_local(reference: str, settings: Settings) -> Model:
    from .local import load_local

    dtype = settings.of(reference).dtype
    if dtype is None:
        return load_local(reference, threads=settings.threads, prefixes=settings.prefixes)
    model = load_local(reference, dtype=dtype, threads=settings.threads, prefixes=settings.prefixes)
    # The same weights in other numbers give other replies: the cache must tell them apart.
    model.fingerprint = f"{model.fingerprint}-{dtype}"
    return model


def _load_script(reference: str, settings: Settings) -> Model:
    from .script import ScriptModel

    return ScriptModel.load(Path(reference.partition(":")[2]).expanduser())


SCHEMES: dict[str, Scheme] = {
    "mini": Scheme("mini", "the embedded vision-language model", _load_local, "local"),
    "smollm2": Scheme("smollm2", "SmolLM2-135M-Instruct, from a package", _load_local, "local"),
    "hf": Scheme("hf:Org/Name, hf:/folder, hf:file.gguf", "transformers in process", _load_local, "local"),
    "openai": Scheme("openai:NAME", "OpenAI", _load_openai),
    "http": Scheme("http://host:port/v1#NAME", "any OpenAI-compatible server", _load_openai),
    "https": Scheme("https://host/v1#NAME", "any OpenAI-compatible server", _load_openai),
    "script": Scheme("script:FILE", "replies from a file", _load_script),
}


def load_model(reference: str, settings: Settings | None = None) -> Model:
    """Return the model of a reference. Loading a local model takes seconds and blocks.

    Raises ``UsageError`` with a suggestion for a reference that no backend knows, ``MissingExtra`` when its
    library is not installed, ``ModelError`` when it can't be loaded.
    """
    name, colon, _ = reference.partition(":")
    scheme = SCHEMES.get(name)
    # "mini" and "smollm2" stand alone; every other kind needs something after the colon.
    if scheme is None or bool(colon) != (":" in scheme.example):
        raise UsageError(f"there is no model {reference!r}", mend=_suggest(reference))
    settings = settings if settings is not None else Settings.load()
    model = scheme.load(reference, settings)
    if (card := settings.of(reference).card) is not None:
        model.card = VisionCard.load(card.expanduser())
    return model


def _suggest(reference: str) -> str:
    if reference and Path(reference).expanduser().exists():
        return f"hf:{reference}" if not reference.endswith(".jsonl") else f"script:{reference}"
    listed = list(price_table().prices)
    names = {name.partition(":")[2]: name for name in listed}
    known = {**{name: name for name in (*SCHEMES, *listed)}, **names}
    near = difflib.get_close_matches(reference, known, n=1, cutoff=0.7)
    if near:
        scheme = SCHEMES.get(known[near[0]])
        return f"did you mean {scheme.example if scheme else known[near[0]]}?"
    if reference.count("/") == 1:
        return f"did you mean hf:{reference}?"
    return "one of " + ", ".join(scheme.example for scheme in SCHEMES.values())
