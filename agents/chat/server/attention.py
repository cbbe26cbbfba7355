"""Where a local model looks, word by word of its answer, and what it answers when a person moves its attention."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from agentkit.content import Image, Message, Text, load
from agentkit.contracts.result import Contract
from agentkit.errors import UnsupportedCapability, UsageError
from agentkit.models.base import INSTEAD, Model, Request, Sampling
from agentkit.models.local import LocalModel
from agentkit.runs.folder import RunFolder

from .line import QueuedModel, innermost
from .marks import Mark, marked, union
from .schema import DIGEST, Turn
from .views import events_on_disk
from .words import Reading, read_words

if TYPE_CHECKING:
    from agentkit.attention import Region
    from agentkit.attention.edits import Edit

# What is asked about a picture is answered in a few words; an answer in words is as long as the chat's own.
PICTURE_TOKENS, TALK_TOKENS = 64, 512
# How much more a painted region counts, how much less one to ignore, and how much more a sentence. The first is what
# was measured on look-alikes (docs/attention.md); a sentence gets what free writing stands.
LOOK, IGNORE, OBEY = 100.0, 1e-4, 5.0
ROLES: dict[bool, Literal["see", "decide"]] = {True: "see", False: "decide"}
# The label of the sentence that is chosen; all else that the user said keeps another one.
CHOSEN, OTHERS = "instruction", "query"


class AttentionRequest(Contract):
    """What to read, and what to change.

    ``picture``: the digest of a picture of the turn; without it the words of the turn itself are what is looked at.
    ``marks`` are regions of the picture by hand; ``obey`` a part of the turn's text (first character, end) that
    counts more. ``how``: a region to look at is reweighted (one pass), or found by ControlMLLM (many).
    """

    picture: str | None = Field(default=None, pattern=DIGEST)
    marks: list[Mark] = Field(default_factory=list, max_length=40)
    obey: tuple[int, int] | None = None
    how: Literal["reweight", "focus"] = "reweight"

    @property
    def edits(self) -> bool:
        return bool(self.marks) or self.obey is not None


class Gaze(Contract):
    """An answer in ``words``; ``heat`` has a row a word: how much each cell (or each word asked) counted for it.

    The row is None for a word that the model does not know.
    ``in_marks``: the share of the heat on the regions to look at, over the whole answer.
    """

    answer: str
    words: list[str]
    heat: list[list[float] | None]
    in_marks: float | None = None


class Looks(Contract):
    """``grid`` (rows, columns) lies over ``view`` (left, top, right, bottom in pixels), which may reach beyond the
    picture; without a picture ``asked`` are the words that the heat is of.

    ``said`` is the turn's answer, where the model by itself says something else; ``plain`` what it says unedited.
    """

    model: str
    grid: tuple[int, int] | None = None
    view: tuple[float, float, float, float] | None = None
    asked: list[str] = Field(default_factory=list)
    said: Gaze | None = None
    plain: Gaze
    edited: Gaze | None = None


@dataclass(frozen=True)
class Scene:
    """What a model is asked: messages, and the picture in them if any. ``tokens``: how long it may answer."""

    messages: list[Message]
    image: Image | None
    tokens: int


async def where_it_looks(
    model: Model, turn: Turn, run: Path, asked: AttentionRequest, image: Image | None
) -> Looks:
    """Read the attention of the model of a turn, and let it answer again under edits by hand.

    Raises ``UnsupportedCapability`` when that model's attention can't be read or moved, ``UsageError`` for marks
    outside the picture, and for a turn whose words no model wrote.
    """
    local = innermost(model)
    if not isinstance(local, LocalModel) or not isinstance(model, QueuedModel):
        raise UnsupportedCapability(f"{model.reference} can't do 'attention'", mend=INSTEAD["attention"])
    regions = await asyncio.to_thread(_regions, asked.marks, image)
    scene = await asyncio.to_thread(_scene, turn, run, asked, image)
    needs = ["gradients"] if asked.how == "focus" and regions[0] else []
    local.check(Request(tuple(scene.messages)), "attention", *needs)  # type: ignore[arg-type]
    async with model.line.place():
        return await _looks(local, scene, turn, asked, regions)


async def _looks(
    model: LocalModel,
    scene: Scene,
    turn: Turn,
    asked: AttentionRequest,
    regions: tuple[Region | None, Region | None],
) -> Looks:
    answered = turn.answer or ""
    own = answered
    if scene.image is not None or asked.obey is not None or not answered:
        own = await _answer(model, scene, ())
    plain = await model.work(lambda lab: read_words(lab, scene.messages, scene.image, own, ()))
    said = edited = None
    if answered and answered != own:
        said = await model.work(lambda lab: read_words(lab, scene.messages, scene.image, answered, ()))
    if asked.edits:
        edits = await _prepared(model, scene, asked, regions)
        new = await _answer(model, scene, edits)
        edited = await model.work(lambda lab: read_words(lab, scene.messages, scene.image, new, edits))
    return Looks(
        model=model.reference,
        grid=plain.grid,
        view=plain.view,
        asked=list(plain.asked),
        said=said and _gaze(said, regions[0]),
        plain=_gaze(plain, regions[0]),
        edited=edited and _gaze(edited, regions[0]),
    )


async def _answer(model: LocalModel, scene: Scene, edits: Sequence[Edit]) -> str:
    sampling = Sampling(max_tokens=scene.tokens)
    return (await model.generate(scene.messages, sampling=sampling, edits=edits)).text.strip()


async def _prepared(
    model: LocalModel, scene: Scene, asked: AttentionRequest, regions: tuple[Region | None, Region | None]
) -> tuple[Edit, ...]:
    from agentkit.attention import Boost, Focus, Mute

    look, ignore = regions
    edits: list[Edit] = []
    if asked.obey is not None:
        edits.append(Boost(CHOSEN, OBEY))
    if ignore is not None:
        edits.append(Mute(ignore, IGNORE))
    if look is not None and asked.how == "reweight":
        edits.append(Boost(look, LOOK))
    elif look is not None:
        edits += await model.work(lambda lab: Focus(look).prepare(lab, scene.messages, tuple(edits)))
    return tuple(edits)


def _gaze(read: Reading, look: Region | None) -> Gaze:
    share = None
    if look is not None and read.grid is not None and read.view is not None:
        total = sum(row for row in read.heat if row is not None)
        assert not isinstance(total, int), "every reading has a word that was read"
        share = float(total[look.cells(read.grid, read.view).ravel()].sum() / max(float(total.sum()), 1e-12))
    # Four digits are more than a colour shows.
    heat = [row if row is None else [float(f"{value:.4g}") for value in row] for row in read.heat]
    return Gaze(answer=read.answer, words=read.words, heat=heat, in_marks=share)


def _regions(marks: Sequence[Mark], image: Image | None) -> tuple[Region | None, Region | None]:
    """Return what to look at and what to ignore."""
    if not marks:
        return None, None
    if image is None:
        raise UsageError("there is no picture to mark", mend="choose a picture of this turn")
    drawn = [(mark.ignore, marked(image, mark)) for mark in marks]
    look, ignore = (
        union(image, [mask for kind, mask in drawn if kind is wanted]) for wanted in (False, True)
    )
    return look, ignore


def _scene(turn: Turn, run: Path, asked: AttentionRequest, image: Image | None) -> Scene:
    if image is not None:
        message = Message.user(image, Text(turn.text, OTHERS))
        return Scene(_chosen([message], turn.text, asked.obey), image, PICTURE_TOKENS)
    return Scene(_chosen(_written(run), turn.text, asked.obey), None, TALK_TOKENS)


def _written(run: Path) -> list[Message]:
    """Return the prompt whose reply was the turn's answer. Raises ``UsageError`` when a model wrote none."""
    calls = [
        event
        for event in events_on_disk(run)
        if event["kind"] == "model_called" and event["call"] == "stream"
    ]
    if not calls:
        raise UsageError("no model wrote the words of this turn", mend="look at a picture of it")
    folder = RunFolder.open(run, mend=False)
    prompt: list[dict[str, Any]] = calls[-1]["prompt"]
    digests = {part["image"] for message in prompt for part in message["parts"] if "image" in part}
    return load(prompt, {digest: folder.get_image(digest) for digest in digests})


def _chosen(messages: list[Message], text: str, obey: tuple[int, int] | None) -> list[Message]:
    """Return the messages with the chosen part of the turn's text as a part of its own, under a label of its own.

    A label changes no token; that the part stands on a line of its own does, so the answer before is asked of the
    same messages.
    """
    if obey is None:
        return messages
    start, end = obey
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        raise UsageError("the sentence to obey is not in this turn's text")
    done: list[Message] = []
    for number, message in enumerate(messages):
        parts: list[Any] = []
        for part in message.parts:
            place = part.text.find(text) if isinstance(part, Text) else -1
            if isinstance(part, Text) and place >= 0 and number == len(messages) - 1:
                cuts = (0, place + start, place + end, len(part.text))
                labels = (OTHERS, CHOSEN, OTHERS)
                pieces = zip(cuts, cuts[1:], labels, strict=False)
                parts += [
                    replace(part, text=cut, label=label)
                    for a, b, label in pieces
                    if (cut := part.text[a:b].strip())
                ]
            elif part.label == CHOSEN:
                parts.append(replace(part, label=OTHERS))
            else:
                parts.append(part)
        done.append(replace(message, parts=tuple(parts)))
    if not any(part.label == CHOSEN for message in done for part in message.parts):
        raise UsageError("the model was not asked in the words of this turn", mend="choose no sentence")
    return done
