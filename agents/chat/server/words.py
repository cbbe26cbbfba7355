"""The attention behind each word of an answer: on the cells of a picture, or on the words that were asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agentkit.content import Image, Message
from agentkit.errors import UsageError

if TYPE_CHECKING:
    from agentkit.attention.edits import Edit
    from agentkit.attention.lab import Lab
    from agentkit.attention.spans import Span

# A word with the space before it, so that the words of a text make up the text.
WORD = re.compile(r"\s*\S+")
MOST_TOKENS = 512


@dataclass(frozen=True)
class Reading:
    """An answer in words, and what each attended to.

    ``heat``: a word's attention on the cells (or the asked words), 0 or more; None for one that the model has no
    token for.
    """

    answer: str
    words: list[str]
    heat: list[np.ndarray | None]
    grid: tuple[int, int] | None = None
    view: tuple[float, float, float, float] | None = None
    asked: tuple[str, ...] = ()


def read_words(
    lab: Lab, messages: Sequence[Message], image: Image | None, answer: str, edits: Sequence[Edit]
) -> Reading:
    """Return the attention of the rows that predict each word of ``answer``, a mean over layers, heads and tokens.

    On the cells of ``image``, or without one on the words of the last message. The answer need not be
    the model's own: it is read as if it were. ``edits`` (prepared) act.
    """
    from agentkit.attention.reader import RowsReader

    begun = len(lab.encode(messages))
    prompt = lab.encode(messages, answer)
    target = lab.target(prompt)
    ids = prompt.ids[begun:].tolist()[:MOST_TOKENS]
    words, owners = words_of(answer, _ends(lab, answer, ids))
    if not owners:
        raise UsageError(f"{lab.reference} gave no word that could be looked into")
    grid = view = None
    if image is not None:
        span, columns = target.cells(image)
        grid, view = span.grid, span.view
        asked, of_column = (), None
    else:
        asked, columns, of_column = _asked(lab, prompt.ids, target.spans.parts[-len(messages[-1].parts) :])
    # A token is predicted by the row before it.
    rows = [begun - 1 + place for place, _ in owners]
    reader = RowsReader(rows, columns.tolist())
    lab.forward(prompt, edits, [reader])
    values = reader.result().double().numpy()
    if of_column is not None:
        values = np.stack([values[:, of_column == number].sum(1) for number in range(len(asked))], axis=1)
    of_row = np.array([word for _, word in owners])
    heat = [values[of_row == number].mean(0) if number in of_row else None for number in range(len(words))]
    return Reading(answer, words, heat, grid, view, asked)


def words_of(text: str, ends: Sequence[int]) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the words of a text, and per token that is part of one (its number, the number of its word).

    ``ends``: where in the text each token ends. A word that a model does not know has no token.
    """
    found = [match.span() for match in WORD.finditer(text)]
    owners: list[tuple[int, int]] = []
    start = 0
    for place, end in enumerate(ends):
        # A token belongs to the first word that it has a letter of.
        number = next((i for i, (left, right) in enumerate(found) if left < end and right > start), None)
        if end > start and number is not None:
            owners.append((place, number))
        start = max(start, end)
    return [text[slice(*place)] for place in found], owners


def _ends(lab: Lab, text: str, ids: Sequence[int]) -> list[int]:
    """Return where in ``text`` each of its tokens ends."""
    found = lab.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    if list(ids[: len(found["input_ids"])]) == found["input_ids"]:
        return [end for _, end in found["offset_mapping"]]
    # The prompt was cut elsewhere. A token may be a part of a letter, so all up to it are decoded.
    decoded = [lab.tokenizer.decode(ids[: place + 1], skip_special_tokens=True) for place in range(len(ids))]
    return [len(piece.rstrip("\ufffd")) for piece in decoded]


def _asked(
    lab: Lab, ids: np.ndarray, spans: Sequence[Span]
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return the words of spans, their tokens, and the number of each token's word."""
    asked: list[str] = []
    columns: list[int] = []
    numbers: list[int] = []
    for span in spans:
        tokens = span.tokens
        text = lab.tokenizer.decode(ids[tokens].tolist(), skip_special_tokens=True)
        words, owners = words_of(text, _ends(lab, text, ids[tokens].tolist()))
        columns += [int(tokens[place]) for place, _ in owners]
        numbers += [len(asked) + number for _, number in owners]
        asked += words
    if not asked:
        raise UsageError("the model was asked in no words")
    return tuple(asked), np.array(columns), np.array(numbers)
