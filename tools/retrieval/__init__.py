"""Sources of knowledge: the local multimodal index, web searches, the reader."""

from .document import Document, Figure
from .fetch import FetchPolicy
from .index.local import LocalIndex
from .source import Capability, Passage, Query, Source

__all__ = ["Capability", "Document", "FetchPolicy", "Figure", "LocalIndex", "Passage", "Query", "Source"]
