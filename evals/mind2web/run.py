"""``agentkit eval mind2web``: the web agent's policies on Mind2Web, MT-Mind2Web and the Navi-plus layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from agentkit.config import Settings
from agentkit.contracts.evaluation import Evaluation
from agentkit.errors import UsageError
from agentkit.models.embed import Embedder, load_embedder
from agentkit.runtime.cast import Cast

from ...memory import Exemplar, MemoryBank
from ...memory import Step as Shown
from ..keep import keep
from ..rows import Row, Rows
from .data import Conversation, Sample, Step, load
from .metrics import Answer, Rule, ask_metrics, judge, metrics_of
from .page import snapshot_of
from .policy import AgentPolicy, Situation, Trained, exemplar_of
from .scores import Ranks

SCORES = "scores_all_data.pkl"
KEY = ("policy", "model", "memory", "conversation", "turn", "step")
# Candidates in an observation: Synapse's 5 for tasks, Self-MAP's 50 for conversations.
TOP, TOP_TURNS = 5, 50
EXEMPLARS = 3
POLICIES = ("rank", "generate")

Say = Callable[[str], None]


def quiet(line: str) -> None:
    """Say nothing."""


@dataclass
class Recall:
    """Where exemplars come from: training tasks (Synapse), or earlier turns of the conversation (Self-MAP)."""

    trained: Trained | None = None
    bank: MemoryBank | None = None
    _turns: dict[str, list[Exemplar]] = field(default_factory=dict)

    def before(self, sample: Sample, conversation: str, done: Sequence[str]) -> list[Exemplar]:
        """Return what bears on a step: of the training tasks for the whole task, of the bank for this very step."""
        if self.bank is not None:
            found = self.bank.recall(conversation, sample.task, done, EXEMPLARS)
            return [match.entry.as_exemplar() for match in found]
        if self.trained is None:
            return []
        if sample.id not in self._turns:
            self._turns[sample.id] = self.trained.nearest(sample, EXEMPLARS)
        return self._turns[sample.id]

    def after(self, sample: Sample, conversation: str) -> None:
        """Put an annotated turn into the bank (teacher forcing, as the authors do)."""
        if self.bank is not None and sample.steps:
            steps = [Shown(observation=s.observation, action=s.action) for s in exemplar_of(sample).steps]
            self.bank.remember(conversation, sample.task, steps, site=sample.website, run=sample.id)


@dataclass(frozen=True)
class Player:
    """Plays annotated steps with a policy. History is what the annotators did, not what the policy did."""

    policy: AgentPolicy
    recall: Recall
    embedder: Embedder
    top: int
    rule: Rule
    asks: bool

    async def play(self, step: Step, sample: Sample, number: int, conversation: str) -> Row:
        """Return the row of a step."""
        snapshot = snapshot_of(step.html, {candidate.id for candidate in step.shown(self.top)})
        history = [earlier.words for earlier in sample.steps[:number]]
        said = [earlier.follow_up for earlier in sample.steps[:number] if earlier.follow_up]
        exemplars = self.recall.before(sample, conversation, history)
        situation = Situation(sample.task, snapshot, history, said, exemplars)
        row: Row = {}
        answer = Answer()
        # A step that no answer can get right is not worth a call, unless it is asked whether to ask there.
        if self.asks:
            answer = await self.policy.decide(situation, may_ask=True)
            row = self._asked(answer, step)
            if answer.ask or step.follow_up:
                # The action stream: as if it had asked, and been answered, when that was needed.
                told = [*said, step.follow_up] if step.follow_up else said
                known = Situation(sample.task, snapshot, history, told, exemplars)
                answer = await self.policy.decide(known)
        elif step.reachable(self.top):
            answer = await self.policy.decide(situation)
        judged = judge(answer, step, top=self.top, rule=self.rule)
        given = {"answer": answer.element, "op": answer.operation.op, "value": answer.operation.value}
        return {**row, **asdict(judged), "reachable": step.reachable(self.top), **given}

    def _asked(self, answer: Answer, step: Step) -> Row:
        needed = step.follow_up
        similarity = 0.0
        if answer.ask and needed:
            ours, theirs = self.embedder.embed([answer.ask, needed.question])
            similarity = float(ours @ theirs)
        return {
            "asked": bool(answer.ask),
            "needed": needed is not None,
            "similarity": similarity,
            "question": answer.ask,
        }


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    data: Path | None = None,
    policy: str = "rank",
    memory: str = "off",
    items: int | None = None,
    say: Say = quiet,
) -> Evaluation:
    """Evaluate a policy on annotated steps; the layout of the data says which metrics are given.

    ``memory``: ``off``; ``on`` for the earlier turns of a conversation (MT-Mind2Web); the file or folder of training
    samples for whole trajectories as exemplars (Mind2Web). ``items``: the first so many tasks or conversations. The
    ranks of a candidate generator are read from ``scores_all_data.pkl`` beside the data.
    """
    if data is None:
        raise UsageError("eval mind2web needs its data", mend="--data: Mind2Web's JSON file or folder")
    if policy not in POLICIES:
        raise UsageError(f"there is no policy {policy!r} here", mend="--policy rank or generate")
    conversations = load(data, _ranks(data))[:items]
    turns = any(len(conversation.turns) > 1 for conversation in conversations)
    asks = any(step.follow_up for c in conversations for turn in c.turns for step in turn.steps)
    embedder = load_embedder(settings.embed or "minilm")
    cast = Cast(settings)
    try:
        model = await cast.get("decide")
        player = Player(
            AgentPolicy(model, "generate" if policy == "generate" else "rank"),
            _recall(memory, turns, embedder),
            embedder,
            TOP_TURNS if turns else TOP,
            "any" if turns else "first",
            asks,
        )
        head = {"policy": policy, "model": model.reference, "memory": memory}
        rows = await _play(player, conversations, head, Rows(out, KEY), say)
    finally:
        await cast.aclose()
    metrics = metrics_of(rows, turns=turns) | (ask_metrics(rows) if asks else {})
    found = Evaluation(
        name="mind2web", model=model.reference, items=len(conversations), metrics=metrics, rows=rows
    )
    return keep(found, out)


async def _play(
    player: Player, conversations: Sequence[Conversation], head: Row, rows: Rows, say: Say
) -> list[Row]:
    found: list[Row] = []
    for place, conversation in enumerate(conversations, start=1):
        for turn, sample in enumerate(conversation.turns, start=1):
            for number, step in enumerate(sample.steps):
                named = {**head, "conversation": conversation.id, "turn": turn, "step": number + 1}
                row = rows.find(named)
                if row is None:
                    row = {**named, **await player.play(step, sample, number, conversation.id)}
                    rows.add([row])
                found.append(row)
            player.recall.after(sample, conversation.id)
        say(f"{place} of {len(conversations)}: {conversation.turns[-1].task[:70]}")
    return found


def _recall(memory: str, turns: bool, embedder: Embedder) -> Recall:
    if memory == "off":
        return Recall()
    if memory == "on":
        if not turns:
            raise UsageError(
                "exemplars for single tasks come from training samples",
                mend="--memory FILE of the training split",
            )
        return Recall(bank=MemoryBank(embedder=embedder))
    samples = [turn for c in load(Path(memory)) for turn in c.turns]
    return Recall(trained=Trained(samples, embedder))


def _ranks(data: Path) -> Ranks | None:
    file = (data if data.is_dir() else data.parent) / SCORES
    return Ranks.load(file) if file.is_file() else None
