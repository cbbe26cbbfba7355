"""Models: one protocol, chosen by a reference string."""

from .base import (
    Capabilities,
    Chunk,
    Heat,
    Model,
    Reply,
    Request,
    Sampling,
    Scores,
    ToolSpec,
)
from .card import VisionCard

__all__ = [
    "Capabilities",
    "Chunk",
    "Heat",
    "Model",
    "Reply",
    "Request",
    "Sampling",
    "Scores",
    "ToolSpec",
    "VisionCard",
]
