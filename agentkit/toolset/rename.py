"""Rename: a tool under another name, so that toolsets can be put together."""

from __future__ import annotations

from dataclasses import replace

from .base import Tool, ToolWrapper


class Renamed(ToolWrapper):
    """A tool under another name."""

    def __init__(self, inner: Tool, name: str) -> None:
        super().__init__(inner)
        self.spec = replace(inner.spec, name=name)
