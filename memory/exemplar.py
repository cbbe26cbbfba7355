"""Exemplars: whole trajectories, as data."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from agentkit.contracts.result import Status

from .entry import Data, Entry, digest


class Step(Data):
    """One step: what the page looked like (abstracted text) and what was done, in words."""

    observation: str
    action: str


class Exemplar(Entry):
    """A trajectory that can be shown to a model (Synapse, arXiv 2306.07863: trajectory-as-exemplar).

    ``family`` groups exemplars of one kind of task: retrieval votes on it and gives the whole group.
    ``site`` is the host it happened on. ``screen`` describes the first screenshot (``describe_screen``), empty when
    there is none. ``trust`` marks the observations: page text is ``untrusted`` and stays so in every prompt.
    """

    KIND: ClassVar[str] = "exemplar"

    task: str = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)
    family: str = ""
    site: str = ""
    outcome: Status = "done"
    screen: str = ""

    @property
    def identity(self) -> list[object]:
        steps = [[step.observation, step.action] for step in self.steps]
        return [self.family, self.site, self.task, steps, self.outcome]

    @property
    def lesson(self) -> str:
        """The same task done by the same actions teaches the same, however the page looked this time."""
        return digest([self.family, self.site, self.task, [step.action for step in self.steps], self.outcome])

    @property
    def key(self) -> str:
        """The text that is embedded: the task and the first state (the paper's specifier)."""
        return specifier(self.task, self.steps[0].observation)

    @property
    def summary(self) -> str:
        steps = f"{len(self.steps)} step" + ("" if len(self.steps) == 1 else "s")
        return f"{self.task} ({self.outcome}, {steps})"

    @property
    def facts(self) -> dict[str, str]:
        return {"family": self.family, "site": self.site, "outcome": self.outcome}


def specifier(task: str, observation: str) -> str:
    """Return the text under which a task in a state is stored and looked up."""
    return f"Task: {task}\nState:\n{observation}"
