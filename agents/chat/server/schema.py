"""What the API takes and gives: its published schema is made of these."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from agentkit.contracts.result import Contract, Evidence, Question, Usage

from .choices import Choices

TurnStatus = Literal["running", "waiting", "done", "failed", "stopped", "interrupted", "budget"]
KEY = r"^[0-9a-f]{16}$"
DIGEST = r"^[0-9a-f]{64}$"
LONGEST_TEXT = 100_000


class NewConversation(Contract):
    """Without a name it is named after its first turn."""

    name: str | None = Field(default=None, max_length=200)


class Rename(Contract):
    name: str = Field(min_length=1, max_length=200)


class NewTurn(Contract):
    """A turn. ``key`` is the sender's own (16 hexadecimal digits): the same key again is the same turn."""

    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    pictures: list[str] = Field(
        default_factory=list, max_length=16, description="Digests of uploaded pictures."
    )
    url: str | None = Field(default=None, max_length=4000)
    key: str | None = Field(default=None, pattern=KEY)


class NewAnswer(Contract):
    """Another answer to a turn. What ``choices`` leaves out is as it was chosen for the conversation."""

    choices: Choices = Field(default_factory=Choices)
    key: str | None = Field(default=None, pattern=KEY)


class Correction(Contract):
    """Words that correct a turn while it runs."""

    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    key: str | None = Field(default=None, pattern=KEY)


class Branch(Contract):
    """Where a conversation forks: the new one has the turns before ``before``."""

    before: str = Field(pattern=KEY)


class GivenAnswer(Contract):
    question: str = Field(max_length=100, description="The id of the question that is answered.")
    answer: str = Field(min_length=1, max_length=LONGEST_TEXT)


class TokenGiven(Contract):
    token: str = Field(max_length=1000)


class Turn(Contract):
    """A turn as the page shows it. ``time``: seconds since the epoch. ``events``: how many there are so far.

    ``status``: *waiting* has an open ``question``; *interrupted* was cut off by a restart of the server;
    *stopped* by the user. All but *done* and *running* can be gone on with. ``trusted`` is false for an answer that
    a page, a document or a tool may have worded. ``recorded``: whether its run can be looked at. ``others`` are other answers to the
    same words (their ``of`` is this turn's key), which the conversation does not remember. ``models`` by role, as far
    as they were used; ``strategy`` is the visual search's. ``taken``: the page it works on is in the user's hands.
    """

    key: str
    conversation: str
    time: float
    text: str
    pictures: list[str] = Field(default_factory=list)
    status: TurnStatus
    answer: str | None = None
    trusted: bool = True
    route: str | None = None
    evidence: list[Evidence] = Field(default_factory=list)
    question: Question | None = None
    error: str | None = None
    usage: Usage = Field(default_factory=Usage)
    steps: int = 0
    recorded: bool = True
    of: str | None = None
    others: list[Turn] = Field(default_factory=list)
    models: dict[str, str] = Field(default_factory=dict)
    strategy: str | None = None
    taken: bool = False


class ConversationInfo(Contract):
    key: str
    name: str
    created: float
    updated: float
    turns: int
    running: int = 0


class ConversationPage(ConversationInfo):
    """A conversation with its newest turns, oldest first; ``earlier`` are not shown."""

    shown: list[Turn] = Field(default_factory=list)
    earlier: int = 0
    choices: Choices = Field(default_factory=Choices)


class ModelOffer(Contract):
    """A model that can be picked. ``state``: *missing* needs what ``mend`` says (an extra, a key) before it loads.

    ``roles`` are those that it is known to be capable of; None when that is known only once it is there.
    """

    reference: str
    what: str
    state: Literal["not loaded", "loading", "ready", "failed", "missing"]
    mend: str | None = None
    roles: list[str] | None = None
    capabilities: list[str] = Field(default_factory=list)
    context: int | None = None


class Offers(Contract):
    """What can be picked. ``free``: whether this person may name any other model, too."""

    models: list[ModelOffer]
    defaults: dict[str, str]
    strategy: str
    instructions: str
    free: bool


class Found(Contract):
    """A turn that holds what was searched for."""

    conversation: str
    name: str
    number: int
    text: str


class Listing(Contract):
    conversations: list[ConversationInfo]
    hits: list[Found] = Field(default_factory=list)


class PictureInfo(Contract):
    """``width`` and ``height`` in pixels, after the EXIF orientation."""

    digest: str
    width: int
    height: int
    format: str


class RoleState(Contract):
    """The model of a role, and whether it is in memory. ``capabilities`` are what it can do, once it is there."""

    role: str
    reference: str
    state: Literal["not loaded", "loading", "ready", "failed"]
    error: str | None = None
    capabilities: list[str] = Field(default_factory=list)
    context: int | None = None
    waiting: int = 0


class State(Contract):
    """The server: who asks, the models, what waits for them, limits, and what was used since it started."""

    version: str
    person: str
    models: list[RoleState]
    running: int
    max_picture: int
    budget: dict[str, float]
    usage: Usage


class Problem(Contract):
    """What every error looks like: one line, and what can be done about it."""

    error: str
    mend: str | None = None


class WholeEvent(Contract):
    """An event with nothing left out."""

    event: dict[str, Any]
