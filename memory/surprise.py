"""Learning about a user from what was not expected of them (violation of expectation)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.content import Message, Text
from agentkit.models import Model, Sampling

from .entry import Trust, normal, now
from .facts import SOMEBODY, Fact, UserFacts

EXPECT = (
    "You know a user a little. From what is known and what was said so far, write in one sentence what the user will "
    "say or want next."
)
COMPARE = (
    "Compare what a user was expected to say with what the user said. Where the two differ, the difference says "
    "something about the user. Write each such thing as a short attribute, its value, and the quote: the user's own "
    "words that say it, letter for letter. Write nothing that the user did not say; write nothing when nothing "
    "surprises."
)
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "surprises": {
            "type": "array",
            "maxItems": 5,
            "items": {
                "type": "object",
                "properties": {
                    "attribute": {"type": "string", "minLength": 1, "maxLength": 60},
                    "value": {"type": "string", "minLength": 1, "maxLength": 200},
                    "quote": {"type": "string", "minLength": 1, "maxLength": 300},
                },
                "required": ["attribute", "value", "quote"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["surprises"],
    "additionalProperties": False,
}
KNOWN = 10

# What people say of themselves in plain words: pattern, attribute, value.
_VALUE = r"(?P<value>[^.,;!?\n]{1,80}?)(?=[.,;!?\n]|$| and (?:I|my)\b)"
_OWN = r"(?:home |work |e-?mail |phone |birth )?(?:address|email|phone|number|birthday|city|airport|language|currency|diet)"
PATTERNS: Sequence[tuple[re.Pattern[str], str, str]] = tuple(
    (re.compile(pattern, re.IGNORECASE), attribute, value)
    for pattern, attribute, value in (
        (rf"\b(?:my name is|call me) {_VALUE}", "name", "{value}"),
        (rf"\bI (?:live|am living) in {_VALUE}", "home city", "{value}"),
        (rf"\bI(?:'ve| have)? (?:just )?moved to {_VALUE}", "home city", "{value}"),
        (rf"\bI (?:work|am working) (?:for|at) {_VALUE}", "employer", "{value}"),
        (rf"\bI(?:'m| am) allergic to {_VALUE}", "allergy to {value}", "yes"),
        (rf"\bI (?:always |usually )?prefer {_VALUE}", "prefers {value}", "yes"),
        (rf"\bI (?:really )?(?:like|love) {_VALUE}", "likes {value}", "yes"),
        (rf"\bI (?:do not|don't|no longer) like {_VALUE}", "likes {value}", "no"),
        (rf"\bmy (?P<what>{_OWN}) is {_VALUE}", "{what}", "{value}"),
    )
)


async def expect(model: Model, history: Sequence[Message], known: Sequence[Fact] = ()) -> str:
    """Return what a model expects a user to say next, in a sentence."""
    told = "\n".join(f"- {fact.key}" for fact in known) or "- nothing"
    system = Message.system(f"{EXPECT}\nKnown of the user:\n{told}")
    asked = Message.user(Text("What will the user say next?", "query"))
    reply = await model.generate([system, *history, asked], sampling=Sampling(max_tokens=80))
    return reply.text.strip()


async def surprises(
    model: Model, message: Message, expected: str, *, run: str = "", user: str = SOMEBODY
) -> list[Fact]:
    """Return the facts that a user's message says against an expectation (arXiv 2310.06983, sections 3 and 4).

    The model compares; each fact must quote the message, and one whose quote is not in it is dropped: what nobody
    said is not learned. A quote from a part that is not trusted gives an untrusted fact.
    """
    prompt = [
        Message.system(COMPARE),
        Message.user(
            Text(f"Expected: {expected}", "observation", "untrusted"),
            Text(f"Said: {message.text}", "observation", _trust(message, "")),
            Text("What is surprising?", "query"),
        ),
    ]
    reply = await model.generate(prompt, schema=SCHEMA, sampling=Sampling(max_tokens=300))
    facts = []
    for item in reply.data["surprises"]:
        if normal(item["quote"]) not in normal(message.text):
            continue
        facts.append(
            Fact(
                **item,
                user=user,
                source="inferred",
                expected=expected,
                run=run,
                created=now(),
                trust=_trust(message, item["quote"]),
            )
        )
    return facts


def said(message: Message, *, run: str = "", user: str = SOMEBODY) -> list[Fact]:
    """Return the facts that a user says in plain words, by rules: for models too small to compare anything."""
    facts = []
    for pattern, attribute, value in PATTERNS:
        for found in pattern.finditer(message.text):
            groups = {name: " ".join(text.split()) for name, text in found.groupdict().items()}
            quote = found.group(0)
            facts.append(
                Fact(
                    attribute=attribute.format(**groups).casefold(),
                    value=value.format(**groups),
                    quote=quote,
                    user=user,
                    run=run,
                    created=now(),
                    trust=_trust(message, quote),
                )
            )
    return facts


async def learn_from(
    facts: UserFacts,
    history: Sequence[Message],
    message: Message,
    model: Model | None = None,
    *,
    run: str = "",
    user: str = SOMEBODY,
) -> list[Fact]:
    """Learn from a user's message, and return what is kept of it.

    With a model: it says what it expected, from what is known and was said before, and what surprises. Without: the
    plain statements of the message. What the user said before and is known already is no surprise.
    """
    if model is None:
        found = said(message, run=run, user=user)
    else:
        known = [match.entry for match in facts.recall(message.text, KNOWN, user=user)]
        found = await surprises(model, message, await expect(model, history, known), run=run, user=user)
    return [facts.learn(fact) for fact in found]


def _trust(message: Message, quote: str) -> Trust:
    """Return the trust of the part that a quote is from; of the whole message for an empty one.

    Only what a user wrote is trusted: the same words in a reply or a tool's output are not.
    """
    parts = [part for part in message.parts if isinstance(part, Text)]
    holding = [part for part in parts if normal(quote) in normal(part.text)]
    trusted = message.role == "user" and bool(holding) and all(part.trust == "trusted" for part in holding)
    return "trusted" if trusted else "untrusted"
