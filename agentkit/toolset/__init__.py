"""Tools and toolsets: what an agent can call, and the policies around it."""

from .agents import AgentTool, agent_tool
from .approve import ApprovalPolicy
from .base import Approval, EffectKind, Tool, ToolWrapper
from .context import ToolContext
from .function import FunctionTool, explain, tool
from .langchain import from_langchain
from .outcome import outcome_data, outcome_parts
from .perform import perform
from .toolset import Toolset, as_tool

__all__ = [
    "AgentTool",
    "Approval",
    "ApprovalPolicy",
    "EffectKind",
    "FunctionTool",
    "Tool",
    "ToolContext",
    "ToolWrapper",
    "Toolset",
    "agent_tool",
    "as_tool",
    "explain",
    "from_langchain",
    "outcome_data",
    "outcome_parts",
    "perform",
    "tool",
]
