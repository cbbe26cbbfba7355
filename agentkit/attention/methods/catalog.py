"""All methods by name: what ``agentkit edits`` lists."""

from __future__ import annotations

import importlib

from ..edits import Edit

# module:class, relative to ``agentkit.attention``.
METHODS: tuple[str, ...] = (
    "edits:Reweight",
    "methods.pasta:Pasta",
    "methods.vhr:VHR",
    "methods.juice:JuICE",
    "methods.buckets:Buckets",
    "methods.dara:Dara",
    "methods.controlmllm:ControlMLLM",
    "methods.controlmllm:Debiased",
    "methods.paint:Paint",
    "methods.vcd:VCD",
    "methods.inter:INTER",
    "methods.focus_directions:FocusDirections",
    "methods.focusicl:FocusICL",
    "methods.steering:Steer",
    "methods.task_vectors:TaskVector",
)


def load() -> list[type[Edit]]:
    """Return the classes of all methods."""
    found = []
    for entry in METHODS:
        module, _, name = entry.partition(":")
        found.append(getattr(importlib.import_module(f"agentkit.attention.{module}"), name))
    return found
