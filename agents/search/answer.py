"""Answers questions about pictures: from one look, or from what a search found (SEAL's visual working memory)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agentkit.content import Box, Image, Message
from agentkit.models.base import Model, Reply, Sampling
from agentkit.models.card import VisionCard

from ...tools.vision import TextLine, in_order
from .collage import collage, small_in
from .geometry import close_up, cover
from .places import count_answer, counts, side_answer
from .reading import asks_text, option_read, read

SHORT = Sampling(max_tokens=200)
# A single letter or digit is a mark on a thing: the model says it, and readers take it for texture.
LEAST_WORD = 2


@dataclass(frozen=True)
class Answer:
    """An answer, how sure the model is (0..1; None when it can't say), and the probability of each option.

    ``basis``: what it rests on, where that is not a look of the model: ``boxes``, ``reading``, ``vote``, ``search``.
    """

    text: str
    confidence: float | None = None
    options: dict[str, float] = field(default_factory=dict)
    basis: str = ""

    def dump(self) -> dict[str, Any]:
        """Return the answer as plain JSON data."""
        return {key: value for key, value in asdict(self).items() if value not in (None, {}, "")}


@dataclass(frozen=True)
class Memory:
    """One thing of the visual working memory: what it is, in which picture, where (pixels of the original).

    ``confidence``: how sure the find is (0..1). ``text``: what is written there, when the search read it.
    """

    target: str
    image: Image
    box: Box
    confidence: float = 1.0
    text: str | None = None


async def look(model: Model, images: Sequence[Image], question: str, options: Sequence[str] = ()) -> Answer:
    """Answer from whole pictures. A model that knows few words sees one picture at a time; the surest look counts."""
    if not model.card.vocabulary:
        return await answer(model, Message.user(*images, listing(model, question, options)), options)
    looks = [await answer(model, Message.user(image, question), options) for image in images]
    return max(looks, key=lambda look: look.confidence or 0.0)


async def prove(
    memory: Sequence[Memory], question: str, options: Sequence[str], card: VisionCard
) -> Answer | None:
    """Return the answer that follows without a model: sides and counts from boxes, words by reading; else None."""
    sure = min(item.confidence for item in memory)
    if counts(question):
        said = count_answer(question, options, len(memory))
        if said is not None and len({item.target for item in memory}) == 1:
            return Answer(said, sure, basis="boxes")
    places = {item.target: item.box for item in memory}
    if len(memory) == len(places) == 2 and memory[0].image == memory[1].image:
        said = side_answer(question, options, places, yes=card.yes, no=card.no)
        if said is not None:
            return Answer(said, sure, basis="boxes")
    return await _read(memory, options) if asks_text(question) else None


async def _read(memory: Sequence[Memory], options: Sequence[str]) -> Answer | None:
    """Return what is written on the only thing found, or all that was read; None when no words are."""
    if len({item.target for item in memory}) > 1 or (options and max(map(len, options)) < LEAST_WORD):
        return None
    lines = [TextLine(item.text, item.box, item.confidence) for item in memory if item.text is not None]
    if not lines and len(memory) == 1:
        lines = await read(memory[0].image, memory[0].box)
    if options:
        chosen = option_read(lines, options) if lines else None
        return None if chosen is None else Answer(*chosen, basis="reading")
    words = [line for line in lines if len(line.text.strip()) >= LEAST_WORD]
    if not words:
        return None
    text = "\n".join(words[i].text for i in in_order([line.box for line in words]))
    return Answer(text, min(line.confidence for line in words), basis="reading")


async def recall(
    model: Model,
    images: Sequence[Image],
    memory: Sequence[Memory],
    question: str,
    options: Sequence[str] = (),
) -> Answer:
    """Answer from the working memory (at least one thing).

    A model that knows language gets the pictures, a close-up of each thing, and the list of things with their
    places (normalised left, top, right, bottom), then the question. A model that knows few words gets one
    picture that shows all things enlarged, and the bare question.
    """
    if model.card.vocabulary:
        return await answer(model, Message.user(shared_view(model, memory), question), options)
    crops = [one_view(model, item) for item in memory]
    places = "; ".join(f"picture {len(images) + i}: {_place(item)}" for i, item in enumerate(memory, start=1))
    text = f"Found in the picture and shown enlarged after it: {places}.\n{listing(model, question, options)}"
    return await answer(model, Message.user(*images, *crops, text), options)


async def answer(model: Model, message: Message, options: Sequence[str]) -> Answer:
    """Answer one message: the likeliest option where the model can score options, else in its own words."""
    if options and model.capabilities.scoring:
        scores = await model.score([message], list(options))
        chances = scores.probabilities("mean")
        best = scores.best("mean")
        return Answer(options[best], chances[best], dict(zip(options, chances, strict=True)))
    reply = await model.generate([message], sampling=SHORT, logprobs=model.capabilities.logprobs)
    text = reply.text.strip()
    return Answer(_option(text, options), _confidence(reply))


def one_view(model: Model, item: Memory) -> Image:
    """Return the close-up of one thing, as large around it as the model's card asks for (V*: 1.2 times)."""
    times = model.card.close_up
    return item.image.crop(close_up(item.box, item.image.size, times, square=model.card.square))


def shared_view(model: Model, memory: Sequence[Memory]) -> Image:
    """Return one view of all things that were found in the picture of the first one.

    A close-up where they fit into one that shows them large enough, else a collage.
    """
    if len(memory) == 1:
        return one_view(model, memory[0])
    image = memory[0].image
    boxes = [item.box for item in memory if item.image == image]
    joint = cover(boxes)
    # A little air around the outermost things, but no more than they need: they are small already.
    air = max(max(box.width, box.height) for box in boxes)
    times = 1 + air / max(joint.width, joint.height, 1.0)
    view = close_up(joint, image.size, times, square=model.card.square)
    return collage(image, boxes) if small_in(view, boxes) else image.crop(view)


def listing(model: Model, question: str, options: Sequence[str]) -> str:
    """Return the question, with its options for a model that can't score them."""
    if not options or model.capabilities.scoring:
        return question
    return question + "\nAnswer with one of these: " + "; ".join(options)


def _place(item: Memory) -> str:
    width, height = item.image.size
    unit = item.box.scale(1 / width, 1 / height)
    return f"{item.target} at location [{', '.join(f'{value:.3f}' for value in unit)}]"


def _option(text: str, options: Sequence[str]) -> str:
    """Return the option that a reply means, the reply itself when it means none (or several)."""
    said = text.lower().strip(" .")
    exact = [option for option in options if option.lower().strip(" .") == said]
    inside = [option for option in options if option.lower().strip(" .") in said]
    meant = exact or inside
    return meant[0] if len(meant) == 1 else text


def _confidence(reply: Reply) -> float | None:
    """Return the probability of the whole reply, None when the model does not tell."""
    if reply.logprobs is None:
        return None
    return math.exp(min(sum(lp for _, lp in reply.logprobs), 0.0))
