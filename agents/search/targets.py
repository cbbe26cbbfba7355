"""What must be found to answer a question (the first step of SEAL)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from agentkit.content import Message
from agentkit.models.base import Model, Sampling

from .aim import Aim
from .places import counts
from .reading import asks_text

# The kinds of words in a card's vocabulary that name things, and those that describe them.
NOUNS = ("shapes", "hosts", "objects")
ADJECTIVES = ("colours",)
THINGS = ("thing", "object", "one", "item")
MOST = 5

SCHEMA = {
    "type": "object",
    "properties": {
        "objects": {"type": "array", "items": {"type": "string", "maxLength": 60}, "maxItems": MOST}
    },
    "required": ["objects"],
    "additionalProperties": False,
}
PROMPT = (
    "A question about a picture: {question}\n"
    "Which objects must be found in the picture to answer it? Name each one as the question describes it, without "
    "what is asked about it."
)


async def aims_of(question: str, model: Model, *, reader: bool = True) -> list[Aim]:
    """Return what must be found to answer a question: the things it names, or the text that it asks for.

    All of a kind are wanted when the question counts one thing ("how many") or says "all". ``reader``: text can be
    looked for.
    """
    things = await targets_of(question, model)
    if not things:
        return [Aim(question, question, reads=True)] if reader and asks_text(question) else []
    alone = len(things) == 1
    every = alone and (counts(question) or re.search(r"\ball\b", question.lower()) is not None)
    return [Aim(thing, question, alone=alone, every=every) for thing in things]


async def targets_of(question: str, model: Model) -> list[str]:
    """Return the descriptions of what must be found, at most five, in the question's order.

    A model whose card lists the words it knows is not asked: the phrases are read off the question. Any other
    model names them, by schema where it follows one.
    """
    if model.card.vocabulary:
        return phrases(question, model.card.vocabulary)
    request = Message.user(PROMPT.format(question=question))
    if model.capabilities.schema:
        reply = await model.generate([request], schema=SCHEMA, sampling=Sampling(max_tokens=200))
        named = reply.data.get("objects", []) if isinstance(reply.data, Mapping) else []
    else:
        listed = Message.user(
            PROMPT.format(question=question) + " Answer with a list separated by commas, or with 'none'."
        )
        reply = await model.generate([listed], sampling=Sampling(max_tokens=100))
        named = re.split(r",|\n|;", reply.text)
    return _tidy(named)


def phrases(question: str, vocabulary: Mapping[str, Any]) -> list[str]:
    """Return the object phrases of a question, in words of the vocabulary: "red triangle", "circle".

    A describing word without a name ("anything red", "the red thing") counts only when no thing is named.
    """
    nouns = _words(vocabulary, NOUNS)
    adjectives = _words(vocabulary, ADJECTIVES)
    named: list[str] = []
    described: list[str] = []
    before: list[str] = []
    for word in re.findall(r"[a-z]+", question.lower()):
        if word in adjectives:
            before.append(word)
            continue
        noun = _singular(word, nouns)
        if noun is not None:
            named.append(" ".join([*before, noun]))
        elif before:
            described.append(" ".join([*before, _singular(word, THINGS) or "object"]))
        before = []
    if before:
        described.append(" ".join([*before, "object"]))
    return list(dict.fromkeys(named or described))[:MOST]


def _words(vocabulary: Mapping[str, Any], kinds: Iterable[str]) -> set[str]:
    return {str(word) for kind in kinds for word in vocabulary.get(kind, ())}


def _singular(word: str, known: Iterable[str]) -> str | None:
    known = set(known)
    return next(
        (form for form in (word, word.removesuffix("s"), word.removesuffix("es")) if form in known), None
    )


def _tidy(named: Iterable[Any]) -> list[str]:
    texts = [str(item).strip(" .\"'-*").removeprefix("the ").removeprefix("a ") for item in named]
    real = [text for text in texts if text and text.lower() not in ("none", "nothing")]
    return list(dict.fromkeys(real))[:MOST]
