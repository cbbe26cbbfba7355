"""An agent as a tool of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, create_model

from ..errors import ToolError
from ..models.base import ToolSpec
from .base import EffectKind, Tool
from .context import ToolContext
from .function import explain
from .signature import ArgumentsBase, PictureArgument, plain_schema

if TYPE_CHECKING:
    from ..runtime.agent import GraphAgent


class AgentTool(Tool):
    """Gives a task to an agent and returns its answer with its evidence.

    Inside a run the agent's graph runs as a subgraph: in the same run folder, on the same budget, and its
    questions are questions of the run. Called by hand it makes a run of its own, whose folder is in the outcome.
    """

    effect: EffectKind = "inner"

    def __init__(
        self, agent: GraphAgent, name: str, description: str, *, pictures: bool, fixed: Mapping[str, Any]
    ) -> None:
        self.agent, self._fixed = agent, dict(fixed)
        fields: dict[str, Any] = {"task": (str, Field(min_length=1, description="What to do, in full."))}
        if pictures:
            fields["images"] = (
                list[PictureArgument],
                Field(default=[], description="The pictures it needs."),
            )
        self._arguments = create_model(f"{name}_arguments", __base__=ArgumentsBase, **fields)
        self.spec = ToolSpec(name, description, plain_schema(self._arguments))

    def check(self, arguments: Mapping[str, Any], context: ToolContext) -> None:
        self._read(arguments, context)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext | None = None) -> Any:
        context = context or ToolContext()
        given = self._read(arguments, context)
        task = given.pop("task")
        if context.run is None:
            result = await self.agent.arun(task, **given, **self._fixed)
            return {"status": result.status, "answer": result.answer, "run": result.run}
        from ..runtime.inner import run_inside

        outcome = await run_inside(self.agent, context.run, task, {**given, **self._fixed})
        if outcome.failure is not None:
            raise ToolError(f"{self.name} failed: {outcome.failure}")
        evidence = [item.model_dump(exclude_none=True) for item in outcome.evidence]
        data = {"answer": outcome.answer, "output": outcome.output, "evidence": evidence}
        return {key: value for key, value in data.items() if value}

    def _read(self, arguments: Mapping[str, Any], context: ToolContext) -> dict[str, Any]:
        try:
            read = self._arguments.model_validate(dict(arguments), context={"tool": context})
        except ValidationError as error:
            raise ToolError(f"arguments of {self.name}: {explain(error)}") from error
        return {key: getattr(read, key) for key in type(read).model_fields}


def agent_tool(
    agent: GraphAgent, name: str, description: str, *, pictures: bool = False, **fixed: Any
) -> AgentTool:
    """Return an agent as a tool that takes a ``task``, with ``pictures`` also ``images``.

    ``fixed`` are arguments of the agent's ``arun`` that every call gets (a ``url``, say).
    """
    return AgentTool(agent, name, description, pictures=pictures, fixed=fixed)
