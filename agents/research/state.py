"""What a research run knows: actions, findings, the judgements of the critic. Plain data, for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Required, TypeAlias, TypedDict

from pydantic import Field

from agentkit.contracts.result import Contract

from ...tools.retrieval import Passage

# What one round may do, OmniSearch's actions and three more. "given": read what the task itself tells.
ActionKind: TypeAlias = Literal[
    "text", "picture", "picture_by_text", "read", "look", "compute", "ask", "given", "own"
]
Origin: TypeAlias = Literal["source", "computed", "given", "own", "user", "look"]


class Action(Contract):
    """One thing to do for a sub-question. ``query``: the words to search for, the address to read, the calculation.

    ``replaces``: the phrase of question number ``question`` that the answer takes the place of.
    """

    id: str
    kind: ActionKind
    ask: str
    query: str = ""
    replaces: str | None = None
    question: int = 0


class Version(Contract):
    """Another value that a source gives for the same fact."""

    answer: str
    date: str | None = None
    passage: Passage


class Finding(Contract):
    """What came of an action: the answer to its sub-question, the sentence that says it, and how sure that is.

    ``passages``: what the search found, best first; ``passage`` is the one with the quote. ``versions``: other values
    of the same fact in other passages. ``searched``: whether a search was made for it (what was found earlier is
    read again first). The numbers are of the reading (``reading.Reading``).
    """

    action: Action
    round: int
    origin: Origin = "source"
    answer: str | None = None
    quote: str = ""
    passage: Passage | None = None
    passages: list[Passage] = Field(default_factory=list)
    versions: list[Version] = Field(default_factory=list)
    as_of: str | None = None
    searched: bool = False
    errors: list[str] = Field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    image: str | None = None
    probability: float = 0.0
    margin: float = 0.0
    logprob: float = 0.0
    covers: float = 0.0
    fits: float = 0.5


class Judgement(Contract):
    """What the critic said after a round: how likely the draft answer is right, and of what it judged."""

    round: int
    draft: str | None
    probability: float
    features: dict[str, float] = Field(default_factory=dict)


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; parallel branches write under names of their own, so that a branch that ran twice counts once."""
    return {**old, **new}


class ResearchState(TypedDict, total=False):
    """As a node of another graph: ``task`` and ``images`` (digests) in, ``answer`` out."""

    task: Required[str]
    images: list[str]
    today: str
    round: int
    todo: list[dict[str, Any]]
    done: Annotated[dict[str, dict[str, Any]], merged]
    judgements: list[dict[str, Any]]
    said: str
    next: str
    answer: str | None
    final: dict[str, Any]


def findings(state: Mapping[str, Any]) -> list[Finding]:
    """Return the findings of a state in the order of rounds and branches."""
    found = [Finding.model_validate(data) for data in state.get("done", {}).values()]
    return sorted(found, key=lambda finding: _order(finding.action.id))


def _order(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())
