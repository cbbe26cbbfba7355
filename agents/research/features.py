"""What the critic looks at: numbers about the chain of findings behind a draft answer."""

from __future__ import annotations

from collections.abc import Sequence

from .spans import fits, weights
from .standing import standing
from .state import Finding
from .words import content, coverage, plain

# By name, in order: a stored critic says which of them it uses.
NAMES = (
    "covers",
    "covers_least",
    "question_covered",
    "relation_least",
    "standing",
    "probability",
    "probability_least",
    "margin_least",
    "logprob",
    "logprob_least",
    "agreement",
    "fits",
    "fits_least",
    "retrieved",
    "gap",
    "likeness",
    "echo",
    "length",
    "open",
    "unanswered",
    "hops",
    "versions",
    "computed",
    "given",
    "own",
)
# The widest margin that says more than a narrower one, in nats.
WIDEST = 10.0


def features(
    question: str, draft: str | None, chain: Sequence[Finding], *, open_parts: int
) -> dict[str, float]:
    """Return the features of a draft answer that rests on a chain of findings (the last one gave the draft).

    ``open_parts``: how many sub-questions of the question are still without an answer. All are between 0 and 1 but
    ``logprob`` (nats a token, at most 0), ``standing``, ``hops`` and ``open``.
    """
    if not chain or draft is None:
        return dict.fromkeys(NAMES, 0.0) | {"open": float(open_parts), "unanswered": 1.0}
    last = chain[-1]
    sourced = [finding for finding in chain if finding.origin == "source"] or [last]
    told = " ".join(f"{f.quote} {f.passage.title if f.passage else ''} {f.answer}" for f in chain)
    words = plain(draft)
    return {
        "covers": last.covers,
        "covers_least": min(finding.covers for finding in chain),
        "question_covered": coverage(question, told),
        "relation_least": min(_relation(finding) for finding in chain),
        "standing": standing(last.action.ask, last.answer or "", last.quote),
        "probability": last.probability,
        "probability_least": min(finding.probability for finding in chain),
        "margin_least": min(min(finding.margin, WIDEST) for finding in chain) / WIDEST,
        "logprob": max(last.logprob, -10.0),
        "logprob_least": max(min(finding.logprob for finding in chain), -10.0),
        "agreement": _agreement(draft, last),
        "fits": last.fits,
        "fits_least": min(fits(finding.action.ask, finding.answer or "") for finding in chain),
        "retrieved": min(1.0 if finding.passages else 0.0 for finding in sourced),
        "gap": _gap(last),
        "likeness": min(
            (f.passages[0].score for f in chain if f.action.kind == "picture" and f.passages), default=1.0
        ),
        "echo": 1.0 if words and f" {words} " in f" {plain(question)} " else 0.0,
        "length": min(len(words.split()) / 10, 1.0),
        "open": float(open_parts),
        "unanswered": float(any(finding.answer is None for finding in chain)),
        "hops": float(len(chain)),
        "versions": float(any(finding.versions for finding in chain)),
        "computed": float(last.origin == "computed"),
        "given": float(last.origin == "given"),
        "own": float(last.origin == "own"),
    }


def _relation(finding: Finding) -> float:
    """Return how much of what is asked of something the quote says: "mayor", not "Lima" or "which person"."""
    if finding.origin != "source" or finding.action.kind == "picture":
        return 1.0
    asked = {word: weight for word, weight in weights(finding.action.ask).items() if weight == 1.0}
    if not asked:
        return 1.0
    held = set(content(f"{finding.quote} {finding.passage.title if finding.passage else ''}"))
    return sum(word in held for word in asked) / len(asked)


def _agreement(draft: str, finding: Finding) -> float:
    """Return the share of the passages that hold the draft."""
    words = plain(draft)
    if not finding.passages or not words:
        return 0.0
    return sum(f" {words} " in f" {plain(p.text)} " for p in finding.passages) / len(finding.passages)


def _gap(finding: Finding) -> float:
    """Return by how much of its score the best passage leads the next."""
    scores = [passage.score for passage in finding.passages]
    if len(scores) < 2 or scores[0] <= 0:
        return 1.0 if scores else 0.0
    return max(0.0, min(1.0, (scores[0] - scores[1]) / scores[0]))
