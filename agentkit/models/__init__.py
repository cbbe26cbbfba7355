"""Models: one protocol, chosen by a reference string."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base import (
    Capabilities,
    Chunk,
    Heat,
    Model,
    Reading,
    Reply,
    Request,
    Sampling,
    Scores,
    ToolSpec,
)
from .card import VisionCard
from .wrapper import WrapperModel

if TYPE_CHECKING:
    from .cache import CachedModel
    from .embed import Embedder, load_embedder
    from .fallback import FallbackModel
    from .registry import load_model
    from .roles import Roles

__all__ = [
    "CachedModel",
    "Capabilities",
    "Chunk",
    "Embedder",
    "FallbackModel",
    "Heat",
    "Model",
    "Reading",
    "Reply",
    "Request",
    "Roles",
    "Sampling",
    "Scores",
    "ToolSpec",
    "VisionCard",
    "WrapperModel",
    "load_embedder",
    "load_model",
]

# Imported when first used: they bring the settings, which take a third of a second.
_LAZY = {
    "CachedModel": ".cache",
    "Embedder": ".embed",
    "FallbackModel": ".fallback",
    "Roles": ".roles",
    "load_embedder": ".embed",
    "load_model": ".registry",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name], __name__), name)
