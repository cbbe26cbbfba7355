"""Training batches: scenes, packed questions, dense targets per image token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..scenes import Question, Scene, ask, crop_scene
from ..scenes.scene import CROP, Box
from ..scenes.vocabulary import COLOURS, GLYPHS, HOSTS, SHAPES
from .model import GRID, IMAGE_TOKENS
from .tokenizer import BINS, token_id

CELL = CROP / GRID
IGNORE = -100
QUESTION_TOKENS = 112  # room for the packed questions of one picture
FIRST_TRAINING_SEED = 100_000


@dataclass
class Batch:
    """Tensors of B pictures. T = 64 image tokens + QUESTION_TOKENS."""

    images: Tensor  # uint8 [B, 3, 128, 128]
    tokens: Tensor  # int64 [B, QUESTION_TOKENS]
    segments: Tensor  # int64 [B, QUESTION_TOKENS]; 1.. a question each, 0 for padding
    positions: Tensor  # int64 [B, QUESTION_TOKENS]
    labels: Tensor  # int64 [B, QUESTION_TOKENS]; the next token of an answer, else IGNORE
    bins: Tensor  # float32 [B, QUESTION_TOKENS]; where the label is a location: its exact place, in bins
    aims: Tensor  # bool [B, QUESTION_TOKENS, 2, 64]; the cells that a word rests on, for two heads
    cells: dict[str, Tensor]  # int64 [B, 64] each
    places: Tensor  # float32 [B, 64, 8]; object ltrb and host ltrb in bins, negative where there is none


def location_words(box: Box) -> list[str]:
    """The four location tokens of a box in pixels of the crop."""
    return [f"<loc{min(BINS - 1, max(0, int(v * BINS / CROP))):02d}>" for v in box]


def answer_text(question: Question) -> str:
    """What the model should say."""
    return question.answer if question.box is None else " ".join(location_words(question.box))


def dense_targets(scene: Scene) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.float32]]:
    """What each cell shows: classes (0 none, IGNORE unclear) [64] each, and places [64, 8] in bins."""
    cells = {k: np.zeros((GRID, GRID), np.int64) for k in ("shape", "colour", "glyph", "host", "count")}
    places = np.full((GRID, GRID, 8), -1.0, np.float32)
    middle = (np.arange(GRID) + 0.5) * CELL
    for host in scene.hosts:
        left, top, right, bottom = host.box
        rows = (middle > top) & (middle < bottom)
        columns = (middle > left) & (middle < right)
        centre = min(GRID - 1, int((top + bottom) / 2 / CELL)), min(GRID - 1, int((left + right) / 2 / CELL))
        where = rows[:, None] & columns[None, :]
        where[centre] = True
        cells["host"][where] = IGNORE if host.seen is None else (HOSTS.index(host.kind) + 1) * int(host.seen)
        if host.seen:
            places[where, 4:] = np.array(host.box) * BINS / CROP
    for thing in sorted(scene.objects, key=lambda o: -o.radius):
        if thing.seen is False:
            continue
        _paint_object(cells, places, thing, middle)
    cells["glyph"][cells["shape"] == 0] = IGNORE  # asked of objects only: elsewhere it would drown
    return {k: v.ravel() for k, v in cells.items()}, places.reshape(-1, 8)


def _paint_object(cells: dict[str, NDArray[np.int64]], places: NDArray[np.float32], thing, middle) -> None:
    x = (thing.box[0] + thing.box[2]) / 2
    y = (thing.box[1] + thing.box[3]) / 2
    away = np.hypot(middle[None, :] - thing.centre[0], middle[:, None] - thing.centre[1])
    where = away < 0.75 * thing.radius
    home = min(GRID - 1, int(y / CELL)), min(GRID - 1, int(x / CELL))
    where[home] = True
    if thing.seen is None:
        for name in ("shape", "colour", "glyph"):
            cells[name][where] = IGNORE
        cells["count"][home] = IGNORE
        return
    cells["shape"][where] = SHAPES.index(thing.shape) + 1
    cells["colour"][where] = COLOURS.index(thing.colour) + 1
    glyph = 0 if thing.glyph is None or thing.glyph_seen is False else GLYPHS.index(thing.glyph) + 1
    cells["glyph"][where] = IGNORE if thing.glyph and thing.glyph_seen is None else glyph
    if cells["count"][home] != IGNORE:
        cells["count"][home] = min(3, cells["count"][home] + 1)
    places[where, :4] = np.array(thing.box) * BINS / CROP


def covered_cells(box: Box) -> NDArray[np.bool_]:
    """Which of the 64 cells a box covers by their middle, and the one with its own middle."""
    middle = (np.arange(GRID) + 0.5) * CELL
    rows = (middle > box[1]) & (middle < box[3])
    columns = (middle > box[0]) & (middle < box[2])
    where = rows[:, None] & columns[None, :]
    where[
        min(GRID - 1, int((box[1] + box[3]) / 2 / CELL)), min(GRID - 1, int((box[0] + box[2]) / 2 / CELL))
    ] = True
    return where.ravel()


class Packer:
    """Writes the questions about one picture into one row; each later sees the picture and itself only."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.ask, self.reply = token_id(tokenizer, "<q>"), token_id(tokenizer, "<a>")
        self.end = token_id(tokenizer, "</s>")

    def pack(
        self, questions: list[Question]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
        """[4, QUESTION_TOKENS] of tokens, segments, positions, labels; bins; aims (see Batch)."""
        rows = np.zeros((4, QUESTION_TOKENS), np.int64)
        rows[3] = IGNORE
        bins = np.full(QUESTION_TOKENS, -1.0, np.float32)
        aims = np.zeros((QUESTION_TOKENS, 2, IMAGE_TOKENS), bool)
        at = 0
        encode = self.tokenizer.backend_tokenizer.encode
        for number, question in enumerate(questions, 1):
            prompt = [self.ask, *encode(question.text).ids, self.reply]
            reply = encode(answer_text(question)).ids
            tokens = [*prompt, *reply, self.end]
            size = len(tokens) - 1  # nothing follows </s>: it is only a label
            if at + size > QUESTION_TOKENS:
                break
            rows[0, at : at + size] = tokens[:-1]
            rows[1, at : at + size] = number
            rows[2, at : at + size] = IMAGE_TOKENS + np.arange(size)
            first = at + len(prompt) - 1
            rows[3, first : at + size] = tokens[len(prompt) :]
            self._aim(aims[at : at + size - 1], question, prompt)
            if question.box is not None:
                bins[first : first + 4] = np.clip(np.array(question.box) * BINS / CROP, 0, BINS - 0.01)
            at += size
        return rows, bins, aims

    def _aim(self, aims: NDArray[np.bool_], question: Question, prompt: list[int]) -> None:
        """Sets where the words of one question look: those of the answer, and both names of a relation."""
        answers = aims[len(prompt) - 1 :]
        cells = [covered_cells(box) for box in question.about]
        if not question.phrases:
            for where in cells:
                answers |= where
            return
        for head, (phrase, where) in enumerate(zip(question.phrases, cells, strict=True)):
            answers[:, head] = where
            words = self.tokenizer.backend_tokenizer.encode(phrase).ids
            starts = range(len(prompt) - len(words))
            name = next(i for i in starts if prompt[i : i + len(words)] == words) + len(words) - 1
            aims[name] = where


class Batches:
    """Batch n is made from the seeds of batch n alone, so that a run can resume anywhere."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, size: int) -> None:
        self.packer = Packer(tokenizer)
        self.size = size

    def batch(self, number: int) -> Batch:
        """Batch `number`: scenes of the seeds FIRST_TRAINING_SEED + number * size and on."""
        images, rows, bins, aims, cells, places = [], [], [], [], [], []
        for index in range(self.size):
            rng = np.random.default_rng(FIRST_TRAINING_SEED + number * self.size + index)
            scene = crop_scene(rng)
            row, where, aim = self.packer.pack(ask(scene, rng, 12))
            classes, boxes = dense_targets(scene)
            images.append(np.asarray(scene.image).transpose(2, 0, 1))
            rows.append(row)
            bins.append(where)
            aims.append(aim)
            cells.append(classes)
            places.append(boxes)
        packed = torch.from_numpy(np.stack(rows))
        return Batch(
            torch.from_numpy(np.stack(images)),
            packed[:, 0],
            packed[:, 1],
            packed[:, 2],
            packed[:, 3],
            torch.from_numpy(np.stack(bins)),
            torch.from_numpy(np.stack(aims)),
            {k: torch.from_numpy(np.stack([c[k] for c in cells])) for k in cells[0]},
            torch.from_numpy(np.stack(places)),
        )
