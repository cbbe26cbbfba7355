"""Dialogues of 20 turns with instructions that are added, changed, limited to a turn, and ended."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from ..attention.facts import FACTS
from .rules import CHANGEABLE, EITHER, LIMITED, MATTERS, Rule, other

TURNS = 20
# What happens in a dialogue, in this order as far as it can; the turns are drawn.
EVENTS = ("add", "add", "add", "change", "once", "add", "end", "change", "add", "once", "end", "change")
MOST = 5


@dataclass(frozen=True)
class DialogueTurn:
    """What the user says in a turn, what happened in it ("" for nothing), and the rules that then hold."""

    text: str
    event: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Dialogue:
    seed: int
    turns: tuple[DialogueTurn, ...]


def make_dialogue(seed: int) -> Dialogue:
    """Return the dialogue of a seed, always the same one."""
    rng = random.Random(seed)
    facts = rng.sample([fact for fact in FACTS if fact.kind != "colour"], TURNS)
    places = [0, *sorted(rng.sample(range(1, TURNS), len(EVENTS) - 1))]
    due = dict(zip(places, EVENTS, strict=True))
    live: dict[str, Rule] = {}
    turns = []
    for number, fact in enumerate(facts):
        event, said, here = _happen(rng, due.get(number, ""), live)
        text = f"{said} {fact.question}".strip()
        turns.append(DialogueTurn(text, event, tuple(here.values())))
    return Dialogue(seed, tuple(turns))


def _happen(rng: random.Random, event: str, live: dict[str, Rule]) -> tuple[str, str, dict[str, Rule]]:
    """Do what is due, to ``live``; return what was done, the words for it, and the rules of this turn alone."""
    doing: dict[str, Callable[[], tuple[str, dict[str, Rule]] | None]] = {
        "add": lambda: _add(rng, live),
        "change": lambda: _change(rng, live),
        "once": lambda: _once(rng, live),
        "end": lambda: _end(rng, live),
    }
    done = doing[event]() if event else None
    return (event, *done) if done else ("", "", dict(live))


def _add(rng: random.Random, live: dict[str, Rule]) -> tuple[str, dict[str, Rule]] | None:
    taken = set(live) | (set(EITHER) if set(EITHER) & set(live) else set())
    free = [matter for matter in MATTERS if matter not in taken]
    if not free or len(live) >= MOST:
        return None
    rule = MATTERS[rng.choice(free)](rng)
    live[rule.matter] = rule
    return rule.given, dict(live)


def _change(rng: random.Random, live: dict[str, Rule]) -> tuple[str, dict[str, Rule]] | None:
    known = [matter for matter in CHANGEABLE if matter in live]
    if not known:
        return _add(rng, live)
    rule = other(rng, live[rng.choice(known)])
    live[rule.matter] = rule
    return rule.given, dict(live)


def _once(rng: random.Random, live: dict[str, Rule]) -> tuple[str, dict[str, Rule]] | None:
    matter = rng.choice(LIMITED)
    rule = other(rng, live[matter]) if matter in live else MATTERS[matter](rng)
    if rule.once is None:
        return None
    return rule.once, {**live, matter: rule}


def _end(rng: random.Random, live: dict[str, Rule]) -> tuple[str, dict[str, Rule]] | None:
    if not live:
        return None
    rule = live.pop(rng.choice(sorted(live)))
    return rule.end, dict(live)
