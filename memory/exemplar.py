"""Exemplars: whole trajectories, as data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from agentkit.contracts.result import Status


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Data):
    """One step: what the page looked like (abstracted text) and what was done, in words."""

    observation: str
    action: str


class Exemplar(_Data):
    """A trajectory that can be shown to a model (Synapse, arXiv 2306.07863: trajectory-as-exemplar).

    ``family`` groups exemplars of one kind of task: retrieval votes on it and gives the whole group.
    ``site`` is the host it happened on. ``created`` is an ISO date. ``trust`` marks the observations: page text
    is ``untrusted`` and stays so in every prompt. ``run`` is the id of the run that it came from.
    """

    task: str = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    family: str = ""
    site: str = ""
    outcome: Status = "done"
    trust: Literal["trusted", "untrusted"] = "untrusted"
    run: str = ""
    created: str = ""

    @computed_field
    @property
    def id(self) -> str:
        """A digest of what it teaches: the same trajectory twice is one exemplar, whenever it happened."""
        steps = [[step.observation, step.action] for step in self.steps]
        text = json.dumps([self.family, self.site, self.task, steps, self.outcome], ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def key(self) -> str:
        """The text that is embedded: the task and the first state (the paper's specifier)."""
        return specifier(self.task, self.steps[0].observation)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Exemplar:
        """Return the exemplar of ``model_dump``; its id is computed anew, never believed."""
        return cls.model_validate({name: value for name, value in data.items() if name != "id"})


@dataclass(frozen=True)
class Match:
    """A retrieved exemplar with its similarity to the query (cosine, 1 is equal)."""

    exemplar: Exemplar
    similarity: float


def specifier(task: str, observation: str) -> str:
    """Return the text under which a task in a state is stored and looked up."""
    return f"Task: {task}\nState:\n{observation}"
