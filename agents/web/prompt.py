"""The prompt of a decision: task, exemplars, what was done, the page, each under its own label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentkit.content import Message, Text

from ...memory.exemplar import Exemplar
from ...memory.tips import Tip
from ...tools.browser import Snapshot
from .candidates import Candidate
from .dialogs import Asked
from .page import page_text, without_ids
from .state import Done
from .values import Value

SYSTEM = "You control a web page. Read the task and the page, then name the next action."
NO_TASK = "(no task is given)"
# Characters of an exemplar in a prompt; the middle of a longer one is left out.
EXEMPLAR_BUDGET = 1600


@dataclass(frozen=True)
class View:
    """All that a decision rests on.

    ``values`` holds what the task and the user named, ``undo`` takes the last action back where that can be done.
    ``abstract`` is the part of the page that bears on the task (empty: it is made here).
    ``barred`` are words of actions that were just found to lead nowhere, ``first`` what comes before that which was
    just chosen, ``asked`` what the user was asked for already. ``dialog`` is what the page asked when the last action was done.
    """

    task: str
    snapshot: Snapshot
    values: Sequence[Value] = ()
    history: Sequence[Done] = ()
    exemplars: Sequence[Exemplar] = field(default=())
    tips: Sequence[Tip] = field(default=())
    undo: Candidate | None = None
    barred: Sequence[str] = ()
    first: Sequence[Candidate] = ()
    abstract: str = ""
    asked: Sequence[str] = ()
    dialog: Asked | None = None

    @property
    def instruction(self) -> str:
        """The task with the user's answers."""
        return with_answers(self.task, self.values)

    @property
    def done(self) -> list[str]:
        """What was done so far, in words."""
        return [step["words"] for step in self.history]

    @property
    def page(self) -> str:
        """The page in words, without ids."""
        return without_ids(self.abstract) if self.abstract else page_text(self.snapshot, self.instruction)


def with_answers(task: str, values: Sequence[Value]) -> str:
    """Return a task with what the user said in answer to questions about it."""
    said = [f"{value.kind}: {value.text}" for value in values if value.said]
    return task if not said else f"{task} ({'; '.join(said)})"


def ranking_prompt(view: View, *, task: str | None = None) -> list[Message]:
    """Return the prompt whose next words are the action. ``task`` replaces the task (for a prompt without it).

    Every step of an exemplar is a turn of the conversation, in the form of the question at its end. The task comes
    last, so that two prompts that differ in the task share all that goes before it (its keys and values are kept;
    those of the exemplars also on disk, since they come again in other runs).
    """
    messages = [Message.system(SYSTEM)]
    for exemplar in view.exemplars:
        messages += _turns(exemplar)
    messages[-1] = replace(messages[-1], keep=True)
    parts = _question(view.page, view.done, view.instruction if task is None else task)
    return [*messages, Message("user", (*advice(view.tips), *parts))]


def advice(tips: Sequence[Tip]) -> list[Text]:
    """Return tips for a prompt, each under its own mark: what a page may have had a hand in is untrusted."""
    return [Text(f"Advice: {tip.text}", "exemplar", tip.trust) for tip in tips]


def _question(page: str, done: Sequence[str], task: str) -> tuple[Text, ...]:
    return (
        Text(f"Page:\n{page}", "observation", "untrusted"),
        Text(f"Done so far: {', '.join(done) or 'nothing'}", "query"),
        Text(f"Task: {task}", "instruction"),
        Text("Next action:", "query"),
    )


def _turns(exemplar: Exemplar) -> list[Message]:
    """Return a trajectory as turns; of a long one the beginning and the end, which say most."""
    actions = [step.action for step in exemplar.steps]
    turns = []
    for number in _shown(exemplar):
        step = exemplar.steps[number]
        asked = _question(step.observation, actions[:number], exemplar.task)
        turns.append(Message("user", tuple(Text(part.text, "exemplar", exemplar.trust) for part in asked)))
        turns.append(Message("assistant", (Text(step.action, "exemplar"),)))
    return turns


def _shown(exemplar: Exemplar) -> list[int]:
    """Return the numbers of the steps that fit: the last (how it ends), the first, then inwards."""
    count = len(exemplar.steps)
    order = [index for pair in zip(range(count - 1, -1, -1), range(count), strict=True) for index in pair]
    shown: set[int] = set()
    left = EXEMPLAR_BUDGET
    for index in dict.fromkeys(order):
        left -= len(exemplar.steps[index].observation) + len(exemplar.task) + 60
        if left < 0 and shown:
            break
        shown.add(index)
    return sorted(shown)
