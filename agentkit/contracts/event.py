"""The event stream of a run: one typed event a line in ``events.jsonl``.

``span`` groups what belongs together (one execution of a node, one model call); ``parent`` is the span around it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from .result import Contract, Evidence, Question, Status, Usage


class EventBase(Contract):
    """What every event carries. ``time`` is seconds since the epoch (UTC)."""

    seq: int = 0
    time: float = 0.0
    span: str = ""
    parent: str | None = None


class RunStarted(EventBase):
    kind: Literal["run_started"] = "run_started"
    agent: str
    task: str
    models: dict[str, str] = Field(default_factory=dict)


class RunResumed(EventBase):
    kind: Literal["run_resumed"] = "run_resumed"
    attempt: int


class RunEnded(EventBase):
    kind: Literal["run_ended"] = "run_ended"
    status: Status
    answer: str | None = None
    error: str | None = None
    usage: Usage = Field(default_factory=Usage)


class NodeStarted(EventBase):
    kind: Literal["node_started"] = "node_started"
    node: str
    step: int
    counted: bool = False


class NodeEnded(EventBase):
    kind: Literal["node_ended"] = "node_ended"
    node: str
    step: int
    seconds: float


class HeatMap(Contract):
    """Where a model looked: ``cells`` (grid[0] x grid[1], row by row) are shares of the attention of the rows read.

    ``view``: the box of the image, in its pixels, that the grid covers. ``heads``: per layer and head the share of
    attention on the whole image.
    """

    image: str
    grid: tuple[int, int]
    view: tuple[float, float, float, float]
    cells: list[float]
    heads: list[list[float]] = Field(default_factory=list)


class ModelCalled(EventBase):
    """A model call: ``prompt`` as dumped messages, then either ``reply`` or ``options`` with ``scores``.

    Scores are the mean log-probability a token; what an agent makes of them is in its ``decided`` event.
    Calls that were batched (children of a search node) are one event each; ``batch`` is the batch's size.
    """

    kind: Literal["model_called"] = "model_called"
    role: str
    model: str
    call: Literal["generate", "stream", "score", "attend"]
    prompt: list[dict[str, Any]] = Field(default_factory=list)
    reply: str | None = None
    tool_calls: list[dict[str, Any]] = Field(default_factory=list)
    options: list[str] = Field(default_factory=list)
    scores: list[float] = Field(default_factory=list)
    edits: list[dict[str, Any]] = Field(default_factory=list)
    usage: Usage = Field(default_factory=Usage)
    cached: bool = False
    batch: int = 1
    heat: HeatMap | None = None


class ToolCalled(EventBase):
    kind: Literal["tool_called"] = "tool_called"
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    outcome: Any = None
    error: str | None = None
    seconds: float = 0.0


class Observed(EventBase):
    """What an agent saw of a page or a screen. ``image`` is the digest of the screenshot in ``images/``."""

    kind: Literal["observed"] = "observed"
    url: str | None = None
    title: str | None = None
    text: str = ""
    image: str | None = None


class Abstracted(EventBase):
    """The part of a page that bears on the task: ``characters`` of ``of``; ``text`` (untrusted) where it is not all."""

    kind: Literal["abstracted"] = "abstracted"
    characters: int
    of: int
    text: str = ""


class Imagined(Contract):
    """A page that was looked at ahead, or an action that was not tried (``why``).

    ``node`` and ``above`` are ids in the tree of a look ahead (``above`` is None for the page it starts from).
    ``likely``: the action's share in the ranking of those beside it. ``value``: how likely the task is done or nearer
    there (0 to 1); an action that was not tried has the value of the page it starts from. ``page`` is untrusted text.
    """

    node: int
    above: int | None = None
    depth: int = 0
    action: str = ""
    likely: float = 1.0
    value: float = 0.0
    tried: bool = True
    why: str = ""
    url: str = ""
    title: str = ""
    page: str = ""
    image: str | None = None


class LookedAhead(EventBase):
    """A tree search over real pages before a decision: ``best`` is the page it aims at, ``choice`` the first action.

    ``done`` are the actions before it, in words.
    """

    kind: Literal["looked_ahead"] = "looked_ahead"
    task: str = ""
    done: list[str] = Field(default_factory=list)
    nodes: list[Imagined] = Field(default_factory=list)
    choice: str = ""
    best: int = 0
    budget: int = 0
    rule: str = ""


class Acted(EventBase):
    """A side effect, as the journal saw it."""

    kind: Literal["acted"] = "acted"
    action: str
    state: Literal["pending", "done", "failed", "unknown", "replayed"]
    detail: str | None = None
    box: tuple[float, float, float, float] | None = None


class Seen(Contract):
    """The best that was seen while a region was looked at; ``box`` in pixels of the original, ``text`` if it reads."""

    box: tuple[float, float, float, float]
    confidence: float
    text: str | None = None


class Part(Contract):
    """A region that may be looked at next. A ``closed`` one will not be."""

    node: int
    box: tuple[float, float, float, float]
    scores: dict[str, float] = Field(default_factory=dict)
    closed: bool = False


class Looked(EventBase):
    """A visited node of a visual search: ``box`` in pixels of the original ``image``, ``about`` what is sought.

    ``node`` and ``above`` are ids in the search tree (``above`` is None for the root); ``scores`` by name.
    ``sought`` is what the whole search is for, where a node may be looked at for something else. ``find`` is the
    best that was seen in it, ``heat`` where in it to look next: cells of (left, top, right, bottom, heat).
    ``parts`` are the regions below it that were not visited when this was written.
    """

    kind: Literal["looked"] = "looked"
    image: str
    box: tuple[float, float, float, float]
    about: str
    node: int
    above: int | None = None
    depth: int = 0
    scores: dict[str, float] = Field(default_factory=dict)
    found: bool = False
    strategy: str = ""
    sought: str = ""
    find: Seen | None = None
    heat: list[tuple[float, float, float, float, float]] = Field(default_factory=list)
    parts: list[Part] = Field(default_factory=list)


class Found(EventBase):
    kind: Literal["found"] = "found"
    evidence: Evidence


class Asked(EventBase):
    kind: Literal["asked"] = "asked"
    question: Question


class Answered(EventBase):
    """``by`` says who answered: the terminal, an answers file, a script, a simulated user, a caller."""

    kind: Literal["answered"] = "answered"
    id: str
    answer: str
    by: str = "caller"


class Corrected(EventBase):
    """What the user said beside the question: heard by the agent from here on. ``by`` as in ``answered``."""

    kind: Literal["corrected"] = "corrected"
    text: str
    by: str = "caller"


class Said(EventBase):
    """A piece of an answer while it is written; the pieces of a node, joined, are the answer."""

    kind: Literal["said"] = "said"
    text: str


class Remembered(EventBase):
    kind: Literal["remembered"] = "remembered"
    id: str
    task: str
    steps: int = 0


class Recalled(EventBase):
    """Exemplars that were retrieved: id, task and similarity (cosine) of each."""

    kind: Literal["recalled"] = "recalled"
    query: str
    items: list[dict[str, Any]] = Field(default_factory=list)


class Condensed(EventBase):
    """Earlier turns of a conversation that no longer fit were put into its digest, which holds ``upto`` turns now.

    ``turns`` of ``tokens`` tokens became lines of ``left`` tokens; ``by`` is who wrote them: rules, or a model.
    """

    kind: Literal["condensed"] = "condensed"
    turns: int
    upto: int
    by: str = "rules"
    tokens: int = 0
    left: int = 0


class Retrieved(EventBase):
    """What came of one step of research: the sub-question, the search, what was read in what it found.

    ``passages``: as ``agentkit.tools.retrieval.Passage`` dumps them, best first; ``answer`` is None when they do not
    say; ``confidence`` is the reader's, 0 to 1; ``searched`` is False for what was known without a new search.
    """

    kind: Literal["retrieved"] = "retrieved"
    action: str = "text"
    ask: str = ""
    query: str = ""
    searched: bool = True
    answer: str | None = None
    quote: str = ""
    confidence: float = 0.0
    as_of: str | None = None
    passages: list[dict[str, Any]] = Field(default_factory=list)
    errors: list[str] = Field(default_factory=list)


class BudgetSpent(EventBase):
    kind: Literal["budget_spent"] = "budget_spent"
    limit: str
    allowed: float
    used: float


class Decided(EventBase):
    """What an agent chose to do next, and of what: ``rule`` says how the scores were made; the highest wins.

    Without options there was only one, or the model wrote its choice.
    """

    kind: Literal["decided"] = "decided"
    choice: str
    options: list[str] = Field(default_factory=list)
    scores: list[float] = Field(default_factory=list)
    rule: str = ""


class Note(EventBase):
    """A line for people: what the agent thinks, decided, or stumbled over."""

    kind: Literal["note"] = "note"
    level: Literal["info", "warning", "error"] = "info"
    text: str


Event = Annotated[
    RunStarted
    | RunResumed
    | RunEnded
    | NodeStarted
    | NodeEnded
    | ModelCalled
    | ToolCalled
    | Observed
    | Abstracted
    | LookedAhead
    | Acted
    | Looked
    | Found
    | Asked
    | Answered
    | Corrected
    | Said
    | Remembered
    | Recalled
    | Condensed
    | Retrieved
    | BudgetSpent
    | Decided
    | Note,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
