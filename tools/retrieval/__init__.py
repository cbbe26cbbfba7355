"""Sources of knowledge: the local multimodal index, web searches, the reader."""

from .source import Capability, Passage, Query, Source

__all__ = ["Capability", "Passage", "Query", "Source"]
