"""How far a chain of sub-questions has come: what is known, what can be asked now, what the draft answer is.

Computed anew from the findings every time, so that a revised finding revises all that was built on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import arithmetic
from .bridging import crossed
from .context import introduced, with_antecedent
from .questions import Comparison, Part, comparison, first_part, put, split, statements, with_reference
from .state import Action, Finding

# Longer chains go in circles.
LONGEST = 8


@dataclass
class Progress:
    """``answers``: the finding that answers each question of the task, None where there is none yet.

    ``chain``: the findings that the answers rest on, in order. ``parts``: what can be asked now, side by side.
    ``left``: every question, with what is known put in.
    """

    answers: list[Finding | None] = field(default_factory=list)
    chain: list[Finding] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def draft(self) -> str | None:
        """The draft answer; None while any question is open."""
        known = [finding.answer for finding in self.answers if finding is not None and finding.answer]
        return "; ".join(known) if known and len(known) == len(self.answers) else None

    @property
    def open(self) -> int:
        return sum(finding is None or finding.answer is None for finding in self.answers)


def progress(task: str, found: Sequence[Finding], *, pictures: bool) -> Progress:
    """Return the state of a task's chain."""
    made = Progress()
    told = statements(task)[0]
    previous: Finding | None = None
    for number, question in enumerate(split(task)):
        if previous is not None and previous.answer:
            question = with_reference(question, previous.answer)
        elif not number:
            question = with_antecedent(question, told)
        elif number and with_reference(question, "") != question:
            # "its" speaks of an answer that is not there yet.
            made.answers.append(None)
            made.left.append(question)
            continue
        previous = _walk(question, number, found, made, told=told, pictures=pictures)
        made.answers.append(previous)
    return made


def best(ask: str, found: Sequence[Finding]) -> Finding | None:
    """Return the best of the findings for a sub-question: the one whose quote covers most of it."""
    mine = [finding for finding in found if finding.action.ask == ask and finding.answer is not None]
    return max(mine, key=lambda f: (round(f.covers, 2), f.probability, -f.round), default=None)


def _walk(
    question: str,
    number: int,
    found: Sequence[Finding],
    made: Progress,
    *,
    told: Sequence[str] = (),
    pictures: bool,
) -> Finding | None:
    """Resolve one question as far as the findings go; note what it needs next."""
    spoken = introduced(question, told)
    if spoken is not None:
        # What the task only spoke of is found out first, by a chain of its own.
        thing = _walk(spoken[1], number, found, made, pictures=pictures)
        if thing is None:
            return None
        question = put(question, spoken[0], thing.answer or "")
    for _ in range(LONGEST):
        compared = comparison(question)
        if compared is not None:
            made.left.append(question)
            return _compare(question, compared, number, found, made)
        part = first_part(question, pictures=pictures)
        known = best(part.ask, found)
        if known is None:
            made.parts.append(Part(part.ask, part.span, part.need, number))
            made.left.append(question)
            return None
        over = crossed(known, found) if part.span is None else None
        made.chain += over or [known]
        if part.span is None:
            made.left.append(question)
            return over[1] if over is not None else known
        question = put(question, part.span, known.answer or "")
    made.left.append(question)
    return None


def _compare(
    question: str, compared: Comparison, number: int, found: Sequence[Finding], made: Progress
) -> Finding | None:
    """Return who wins a comparison, when both sides are known."""
    sides = [best(ask, found) for ask in compared.asks]
    made.chain += [side for side in sides if side is not None]
    missing = [ask for ask, side in zip(compared.asks, sides, strict=True) if side is None]
    made.parts += [Part(ask, None, "text", number) for ask in missing]
    values = [arithmetic.number(side.answer or "") if side is not None else None for side in sides]
    if values[0] is None or values[1] is None or sides[0] is None or sides[1] is None:
        return None
    first = (values[0] < values[1]) == compared.less if values[0] != values[1] else True
    sign = "=" if values[0] == values[1] else ("<" if values[0] < values[1] else ">")
    weakest = min(sides[0], sides[1], key=lambda side: side.covers)
    result = Finding(
        action=Action(id=f"compare.{number}", kind="compute", ask=question, question=number),
        round=max(sides[0].round, sides[1].round),
        origin="computed",
        answer=compared.first if first else compared.second,
        quote=f"{compared.first}: {sides[0].answer} {sign} {compared.second}: {sides[1].answer}",
        probability=weakest.probability,
        margin=weakest.margin,
        logprob=weakest.logprob,
        covers=weakest.covers,
        fits=1.0,
    )
    made.chain.append(result)
    return result
