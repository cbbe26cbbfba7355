"""Does one action: searches, reads, calculates, and writes a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.content import Image, Message
from agentkit.errors import ToolError
from agentkit.models import Model, Sampling
from agentkit.models.base import Reply
from agentkit.runtime.context import Context

from ...tools.retrieval import Passage, Source
from ...tools.retrieval.reader import Reader as PageReader
from . import arithmetic
from .reading import Given, Reader, Reading
from .searching import search
from .spans import best_sentences, fits
from .state import Action, Finding, Version
from .versions import Said, pick, versions
from .words import plain, wants_newest

OWN = "Answer the question from what you know. Say only the answer, as short as possible."
CALCULATE = "Write the calculation that answers the question, with numbers and + - * / only."
EXPRESSION = {
    "type": "object",
    "properties": {"calculation": {"type": "string", "pattern": r"^[0-9+*/(). -]{3,60}$"}},
    "required": ["calculation"],
    "additionalProperties": False,
}
# Samples of what the model knows itself; the first is greedy (self-consistency, Wang et al. 2022).
SAMPLES = 3
WARMTH = 0.7
# What is held already is read again before a search when a sentence of it covers this much of the sub-question.
ENOUGH = 0.99
# Passages read for one sub-question; more of them only for the newest of several versions.
READ = 5


@dataclass(frozen=True)
class Worker:
    """What the actions of one run are done with. ``k``: passages a search asks for."""

    sources: Sequence[Source]
    reader: Reader
    model: Model
    context: Context
    pages: PageReader
    k: int = READ

    async def do(self, action: Action, found: Sequence[Finding], image: Image | None, round_: int) -> Finding:
        """Return what came of an action. Errors of sources and of calculations are in the finding."""
        if action.kind == "compute":
            return await self._compute(action, round_)
        if action.kind == "own":
            return await self._own(action, round_)
        if action.kind == "given":
            reading = await self.reader.read(self.model, action.ask, [Given("", action.query)])
            return _finding(action, round_, reading, [], origin="given")
        if action.kind == "read":
            return await self._read_on(action, found, round_)
        held = await self._held(action, found, round_)
        return held or await self._search(action, image, round_)

    async def _search(self, action: Action, image: Image | None, round_: int) -> Finding:
        hits = await search(self.sources, action, self.context, image=image, k=self.k)
        passages = hits.passages
        if action.kind == "picture":
            # The likest picture says what it shows; the others are other things.
            passages = passages[:1] if passages and passages[0].text else passages[:2]
        found = await self._read(action, passages, round_)
        update: dict[str, Any] = {
            "passages": hits.passages[: self.k],
            "searched": True,
            "errors": hits.errors,
        }
        if action.kind == "picture" and found.passage is not None:
            # A caption says nothing of "this flag": how alike the pictures are is what the finding rests on.
            update["covers"] = max(0.0, min(1.0, found.passage.score))
        return found.model_copy(update=update)

    async def _held(self, action: Action, found: Sequence[Finding], round_: int) -> Finding | None:
        """Read what earlier searches brought, when a sentence of it covers the whole sub-question."""
        # Another query than the sub-question itself is another try: what is held did not do.
        if action.kind != "text" or action.query not in ("", action.ask) or wants_newest(action.ask):
            return None
        known = {p.id: p for finding in found for p in finding.passages}
        passages = list(known.values())
        best = best_sentences(action.ask, [(p.title, p.text) for p in passages], 1)
        if not best or best[0].covers < ENOUGH:
            return None
        return await self._read(action, [passages[best[0].passage]], round_)

    async def _read_on(self, action: Action, found: Sequence[Finding], round_: int) -> Finding:
        """Read a document to its end. Only what a source gave can be named, by its note's number: no address can."""
        digits = "".join(c for c in action.query if c.isdigit())
        number = int(digits) if digits else 0
        passages = found[number - 1].passages if 1 <= number <= len(found) else []
        if not passages:
            return Finding(
                action=action, round=round_, errors=[f"{action.query!r} is no document that was found"]
            )
        first = found[number - 1].passage or passages[0]
        known = {p.id: p for finding in found for p in finding.passages if p.document == first.document}
        try:
            parts = await self._page(first) if "://" in first.document else list(known.values())
        except ToolError as error:
            return Finding(action=action, round=round_, searched=True, errors=[str(error)])
        finding = await self._read(action, parts, round_)
        return finding.model_copy(update={"searched": "://" in first.document})

    async def _page(self, passage: Passage) -> list[Passage]:
        """Return the paragraphs of a page as passages."""

        async def fetch() -> dict[str, Any]:
            document = await self.pages.read(passage.document)
            return {"text": document.text, "title": document.title, "date": document.date}

        page = await self.context.run.journal.read("read", {"url": passage.document}, fetch)
        lines = [line.strip() for line in page["text"].splitlines() if line.strip()]
        return [
            passage.model_copy(
                update={
                    "id": f"{passage.id}#{number}",
                    "text": line,
                    "title": page["title"] or passage.title,
                    "date": page["date"] or passage.date,
                }
            )
            for number, line in enumerate(lines)
        ]

    async def _read(self, action: Action, passages: Sequence[Passage], round_: int) -> Finding:
        if not passages:
            return Finding(action=action, round=round_)
        newest = wants_newest(action.ask) or action.kind == "read"
        read = passages if newest else passages[:READ]
        reading = await self.reader.read(self.model, action.ask, [Given(p.title, p.text) for p in read])
        if reading.answer is None or reading.passage is None:
            return _finding(action, round_, reading, read)
        said = versions(reading.answer, reading.quote, read)
        chosen = pick(action.ask, said)
        found = _finding(action, round_, reading, read)
        others = _others(said, chosen, reading.answer)
        if chosen is None:
            return found.model_copy(update={"versions": others, "as_of": _date_of(found)})
        return found.model_copy(
            update={
                "answer": chosen.answer,
                "quote": chosen.quote,
                "passage": chosen.passage,
                "as_of": chosen.date,
                "versions": others,
            }
        )

    async def _compute(self, action: Action, round_: int) -> Finding:
        expression, sure = action.query, (1.0, 10.0, 0.0)
        if not expression:
            expression, sure = await self._calculation(action.ask)
        if not expression:
            return Finding(action=action, round=round_, origin="computed")
        try:
            value = arithmetic.calculate(expression)
        except ToolError as error:
            return Finding(action=action, round=round_, origin="computed", errors=[str(error)])
        probability, margin, logprob = sure
        return Finding(
            action=action.model_copy(update={"query": expression}),
            round=round_,
            origin="computed",
            answer=value,
            quote=f"{expression} = {value}",
            probability=probability,
            margin=margin,
            logprob=logprob,
            covers=1.0,
            fits=fits(action.ask, value),
        )

    async def _calculation(self, question: str) -> tuple[str, tuple[float, float, float]]:
        """Return the calculation that the model finds likeliest, and how sure that is."""
        prompt = [Message.system(CALCULATE), Message.user(f"Question: {question}")]
        if self.model.capabilities.scoring:
            options = arithmetic.possible(question)
            scores = await self.model.score(prompt, options)
            chances = scores.probabilities("sum")
            order = sorted(range(len(options)), key=chances.__getitem__, reverse=True)
            values = scores.values("sum")
            margin = values[order[0]] - values[order[1]] if len(order) > 1 else 10.0
            return options[order[0]], (chances[order[0]], margin, scores.values("mean")[order[0]])
        reply = await self.model.generate(prompt, schema=EXPRESSION, sampling=Sampling(max_tokens=60))
        return reply.data["calculation"], (0.5, 0.0, 0.0)

    async def _own(self, action: Action, round_: int) -> Finding:
        """Ask the model several times: what it says every time, and is sure of, it may know."""
        prompt = [Message.system(OWN), Message.user(f"Question: {action.ask}")]
        can = self.model.capabilities.logprobs
        replies: list[Reply] = []
        answer = ""
        for number in range(SAMPLES):
            warm = Sampling(temperature=WARMTH if number else 0.0, max_tokens=24, seed=number)
            replies.append(await self.model.generate(prompt, sampling=warm, logprobs=can))
            answer = answer or _short(replies[0].text)
            # Whoever contradicts himself does not know: more samples would not change that.
            if plain(_short(replies[-1].text)) != plain(answer):
                break
        same = sum(plain(_short(reply.text)) == plain(answer) for reply in replies) / len(replies)
        told = _mean_logprob(replies[0])
        return Finding(
            action=action,
            round=round_,
            origin="own",
            answer=answer or None,
            quote=answer,
            probability=same,
            margin=0.0,
            logprob=told,
            fits=fits(action.ask, answer),
        )


def _finding(
    action: Action, round_: int, reading: Reading, passages: Sequence[Passage], origin: str = "source"
) -> Finding:
    passage = passages[reading.passage] if reading.passage is not None and passages else None
    return Finding.model_validate(
        {
            "action": action,
            "round": round_,
            "origin": origin,
            "answer": reading.answer,
            "quote": reading.quote,
            "passage": passage,
            "passages": list(passages[:READ]),
            "probability": reading.probability,
            "margin": reading.margin,
            "logprob": reading.logprob,
            "covers": reading.covers,
            "fits": fits(action.ask, reading.answer or ""),
        }
    )


def _date_of(found: Finding) -> str | None:
    """Return the date of the document that a finding rests on."""
    return found.passage.date if found.passage is not None else None


def _others(said: Sequence[Said], chosen: Said | None, answer: str) -> list[Version]:
    """Return the other values, each once, newest first."""
    taken = chosen.answer if chosen is not None else answer
    kept: dict[str, Said] = {}
    for one in sorted(said, key=lambda one: one.date or "", reverse=True):
        if plain(one.answer) != plain(taken):
            kept.setdefault(plain(one.answer), one)
    return [Version(answer=one.answer, date=one.date, passage=one.passage) for one in kept.values()]


def _short(text: str) -> str:
    """Return the first line of a reply, without a closing full stop."""
    lines = text.strip().splitlines()
    return lines[0].strip().rstrip(".").strip() if lines else ""


def _mean_logprob(reply: Reply) -> float:
    return sum(p for _, p in reply.logprobs) / len(reply.logprobs) if reply.logprobs else 0.0
