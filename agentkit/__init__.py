"""agentkit: multimodal agents that see, act, ask and remember.

Public names are loaded when they are first used, so that ``import agentkit`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import VERSION as __version__  # noqa: N811 - the name that tools look for

if TYPE_CHECKING:
    from agentkit.agents.chat import ChatAgent
    from agentkit.agents.general import Agent
    from agentkit.agents.research import ResearchAgent
    from agentkit.agents.search import VisualSearchAgent
    from agentkit.agents.web import WebAgent

    from .attention.edits import Boost, Mute, Reweight
    from .config import Settings
    from .content import Box, Image, Message, Picture, Text, ToolCall
    from .contracts.result import Evidence, Question, Result, Usage
    from .contracts.runfile import BudgetLimits
    from .errors import (
        AgentKitError,
        ImageError,
        MissingExtra,
        ModelError,
        OtherVersion,
        OutcomeUnknown,
        ReplayError,
        RunError,
        ToolError,
        UnsupportedCapability,
        UsageError,
    )
    from .models.base import Model, Sampling
    from .models.registry import load_model
    from .runs.report import write_report
    from .runtime.agent import GraphAgent, Outcome
    from .runtime.ask import AnswersFile, Callback, ask_user
    from .toolset import Toolset, tool

# Where each public name lives. Siblings of the kit are named here, not imported.
_PLACES: dict[str, tuple[str, ...]] = {
    "agentkit.agents.chat": ("ChatAgent",),
    "agentkit.agents.general": ("Agent",),
    "agentkit.agents.research": ("ResearchAgent",),
    "agentkit.agents.search": ("VisualSearchAgent",),
    "agentkit.agents.web": ("WebAgent",),
    "agentkit.attention.edits": ("Boost", "Mute", "Reweight"),
    "agentkit.config": ("Settings",),
    "agentkit.content": ("Box", "Image", "Message", "Picture", "Text", "ToolCall"),
    "agentkit.contracts.result": ("Evidence", "Question", "Result", "Usage"),
    "agentkit.contracts.runfile": ("BudgetLimits",),
    "agentkit.errors": (
        "AgentKitError",
        "ImageError",
        "MissingExtra",
        "ModelError",
        "OtherVersion",
        "OutcomeUnknown",
        "ReplayError",
        "RunError",
        "ToolError",
        "UnsupportedCapability",
        "UsageError",
    ),
    "agentkit.models.base": ("Model", "Sampling"),
    "agentkit.models.registry": ("load_model",),
    "agentkit.runs.report": ("write_report",),
    "agentkit.runtime.agent": ("GraphAgent", "Outcome"),
    "agentkit.runtime.ask": ("AnswersFile", "Callback", "ask_user"),
    "agentkit.toolset": ("Toolset", "tool"),
}
_HOMES = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [
    "Agent",
    "AgentKitError",
    "AnswersFile",
    "Boost",
    "Box",
    "BudgetLimits",
    "Callback",
    "ChatAgent",
    "Evidence",
    "GraphAgent",
    "Image",
    "ImageError",
    "Message",
    "MissingExtra",
    "Model",
    "ModelError",
    "Mute",
    "OtherVersion",
    "Outcome",
    "OutcomeUnknown",
    "Picture",
    "Question",
    "ReplayError",
    "ResearchAgent",
    "Result",
    "Reweight",
    "RunError",
    "Sampling",
    "Settings",
    "Text",
    "ToolCall",
    "ToolError",
    "Toolset",
    "UnsupportedCapability",
    "Usage",
    "UsageError",
    "VisualSearchAgent",
    "WebAgent",
    "__version__",
    "ask_user",
    "load_model",
    "tool",
    "write_report",
]


def __getattr__(name: str) -> Any:
    place = _HOMES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(place), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
