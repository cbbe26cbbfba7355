"""The prompt of a decision: task, exemplars, what was done, the page, each under its own label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentkit.content import Message, Text

from ...memory.exemplar import Exemplar
from ...tools.browser import Snapshot
from .page import page_text
from .state import Done
from .values import Value

SYSTEM = "You control a web page. Read the task and the page, then name the next action."
NO_TASK = "(no task is given)"


@dataclass(frozen=True)
class View:
    """All that a decision rests on. ``values`` holds what the task and the user named."""

    task: str
    snapshot: Snapshot
    values: Sequence[Value] = ()
    history: Sequence[Done] = ()
    exemplars: Sequence[Exemplar] = field(default=())

    @property
    def instruction(self) -> str:
        """The task with the user's answers."""
        said = [f"{value.cue}: {value.text}" for value in self.values if value.source == "user"]
        return self.task if not said else f"{self.task} ({'; '.join(said)})"

    @property
    def page(self) -> str:
        """The page in words, without ids."""
        return page_text(self.snapshot, self.instruction)


def ranking_prompt(view: View, *, task: str | None = None) -> list[Message]:
    """Return the prompt whose next words are the action. ``task`` replaces the task (for a prompt without it)."""
    parts = [Text(_exemplar_text(exemplar), "exemplar", exemplar.trust) for exemplar in view.exemplars]
    done = ", ".join(step["words"] for step in view.history) or "nothing"
    return [
        Message.system(SYSTEM),
        Message(
            "user",
            (
                *parts,
                Text("Task: " + (view.instruction if task is None else task), "instruction"),
                Text("Page:\n" + view.page, "observation", "untrusted"),
                Text(f"Done so far: {done}\nNext action:", "query"),
            ),
        ),
    ]


def _exemplar_text(exemplar: Exemplar) -> str:
    lines = [f"Task: {exemplar.task}"]
    for step in exemplar.steps:
        lines += [f"Page:\n{step.observation}", f"Next action: {step.action}"]
    return "\n".join(lines)
