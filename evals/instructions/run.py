"""``agentkit eval instructions``: whether what the user asked for once is kept over 20 turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentkit.attention import Boost, Edit
from agentkit.config import Settings
from agentkit.content import Message, Text
from agentkit.contracts.evaluation import Evaluation
from agentkit.errors import UsageError
from agentkit.models import Model, Sampling
from agentkit.runtime.cast import Cast

from ...agents.chat.agent import INSTRUCTIONS
from ...agents.chat.ledger import Ledger
from ...agents.chat.prompt import prompt_of, room_of
from ..attention.facts import FACTS
from ..keep import keep
from ..rows import Row, Rows
from ..seeds import seeds_of
from .dialogue import Dialogue, make_dialogue
from .metrics import metrics_of, table_of

KEY = ("seed", "arm", "sample", "turn", "model", "boost")
# Tuning seeds: the evaluation's are 1 to 9,999, and are named by who runs it.
QUICK = "10000-10001"
FACTOR = 5.0
SAMPLES = 1
TOKENS = 60
Say = Callable[[str], None]


@dataclass(frozen=True)
class Arm:
    """``ledger``: what holds is restated. ``boost``: the attention on it, or on where it was said."""

    name: str
    ledger: bool
    boost: bool


ARMS = (
    Arm("plain", False, False),
    Arm("ledger", True, False),
    Arm("boost", False, True),
    Arm("ledger+boost", True, True),
)


async def evaluate(
    settings: Settings,
    out: Path | None,
    *,
    seeds: str = QUICK,
    items: int | None = None,
    boost: float = FACTOR,
    policy: str | None = None,
    say: Say = lambda line: None,
) -> Evaluation:
    """Evaluate the ledger and boosted attention, each with and without the other, on the same dialogues.

    ``seeds``: a dialogue of 20 turns each. ``items``: so many replies to each turn (N of PIF-N-K; the first is
    greedy, the others are sampled at temperature 0.7). ``boost``: the factor. ``policy``: arms, with commas; all that
    the model can do by default. A model without attention has no boosted arms. The past of a turn is the arm's own.
    """
    cast = Cast(settings)
    store, rows = Rows(out, KEY), []
    try:
        model = await cast.get("decide")
        arms = _arms(policy, model)
        for seed in seeds_of(seeds):
            dialogue = make_dialogue(seed)
            for sample in range(items or SAMPLES):
                for arm in arms:
                    rows += await _play(model, dialogue, arm, sample, boost, store)
                shares = [_share([row for row in rows if row["arm"] == arm.name]) for arm in arms]
                told = ", ".join(f"{arm.name} {share:.2f}" for arm, share in zip(arms, shares, strict=True))
                say(f"▸ instructions seed {seed}, reply {sample + 1}: followed so far: {told}")
    finally:
        await cast.aclose()
    metrics = metrics_of(rows)
    found = Evaluation(
        name="instructions",
        model=model.reference,
        items=len(rows),
        metrics=metrics,
        rows=rows,
        table=table_of(metrics),
    )
    return keep(found, out)


async def _play(
    model: Model, dialogue: Dialogue, arm: Arm, sample: int, boost: float, store: Rows
) -> list[Row]:
    """Return the rows of a dialogue in one arm; turns that are known are not played again."""
    rows: list[Row] = []
    past: list[Message] = []
    for number, turn in enumerate(dialogue.turns, start=1):
        row: Row = {
            "seed": dialogue.seed,
            "arm": arm.name,
            "sample": sample,
            "turn": number,
            "model": model.reference,
            "boost": boost if arm.boost else None,
        }
        known = store.find(row)
        if known is None:
            said = [other.text for other in dialogue.turns[:number]]
            reply = await _reply(model, arm, past, said, boost, sample)
            known = {
                **row,
                "event": turn.event,
                "rules": len(turn.rules),
                "followed": sum(rule.kept(reply) for rule in turn.rules),
                "answered": _answered(turn.text, reply),
                "reply": reply,
            }
            store.add([known])
        rows.append(known)
        past += [Message.user(Text(turn.text, "query")), Message.assistant(Text(known["reply"], "reply"))]
    return rows


async def _reply(
    model: Model, arm: Arm, past: list[Message], said: list[str], boost: float, sample: int
) -> str:
    """Return the reply to the last of what was ``said``, as the chat asks for it."""
    standing = Ledger.of(said)
    shown = standing if arm.ledger else Ledger()
    question = Message.user(Text(said[-1], "query"))
    if arm.boost and not arm.ledger:
        # The turns that hold an instruction are what is boosted, where they stand.
        turns = {item.turn for item in standing.live}
        past = [_marked(past[i]) if i % 2 == 0 and i // 2 + 1 in turns else past[i] for i in range(len(past))]
        question = _marked(question) if len(said) in turns else question
    prompt = prompt_of(INSTRUCTIONS, past, question, shown, room_of(model))
    there = any(part.label == "instruction" for message in prompt for part in message.parts)
    edits: list[Edit] = [Boost("instruction", boost)] if arm.boost and there else []
    sampling = (
        Sampling(max_tokens=TOKENS, temperature=0.7, seed=sample) if sample else Sampling(max_tokens=TOKENS)
    )
    return (await model.generate(prompt, sampling=sampling, edits=edits)).text.strip()


def _marked(message: Message) -> Message:
    return Message.user(Text(message.text, "instruction"))


def _answered(text: str, reply: str) -> bool:
    fact = next(fact for fact in FACTS if text.endswith(fact.question))
    return fact.answer.lower() in reply.lower()


def _share(rows: list[Row]) -> float:
    return sum(row["followed"] for row in rows) / max(sum(row["rules"] for row in rows), 1)


def _arms(policy: str | None, model: Model) -> list[Arm]:
    known = {arm.name: arm for arm in ARMS}
    names = [name.strip() for name in policy.split(",")] if policy else list(known)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"there is no arm {unknown[0]!r}", mend=", ".join(known))
    return [known[name] for name in names if model.capabilities.attention or not known[name].boost]
