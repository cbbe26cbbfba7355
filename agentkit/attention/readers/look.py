"""Where a model looks in a picture when it begins its reply: one heat map by any of the readers, and the heads' shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from ...errors import UsageError

if TYPE_CHECKING:
    from ...content import Image, Message
    from ..edits import Edit
    from ..lab import Lab

Method: TypeAlias = Literal["raw", "rollout", "relevance", "flow"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True)
class Look:
    """A heat map (height, width) of a picture's grid, 0 or more, and what it is drawn over.

    ``view``: the box of the picture, in its pixels, that the grid covers. ``by_head``: (layers, heads), the share of
    the attention of the prompt's last token that the picture gets.
    """

    heat: np.ndarray
    view: tuple[float, float, float, float]
    by_head: np.ndarray


def look(
    lab: Lab,
    messages: Sequence[Message],
    image: Image,
    *,
    method: Method = "raw",
    edits: Sequence[Edit] = (),
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> Look:
    """Return where a model looks in ``image``, as the last token of the prompt, which predicts the reply's first, says.

    ``method``: ``raw`` is its attention, a mean over layers and heads; the others go through all layers (see
    ``rollout``, ``relevance``, ``flow``). ``edits`` (prepared) act. ``layers`` and ``heads``: None for all. Raises
    ``UsageError`` for an unknown method, layer or head, an image that is not in the prompt or has no known grid, and
    a prompt that is too long for the method.
    """
    from ..reader import RowsReader
    from .flow import flow
    from .relevance import relevance
    from .rollout import rollout

    if method not in METHODS:
        raise UsageError(f"there is no method {method!r}", mend=f"use one of {', '.join(METHODS)}")
    prompt = lab.encode(messages)
    target = lab.target(prompt)
    target.check(layers, heads)
    span, cells = target.cells(image)
    assert span.grid is not None
    assert span.view is not None
    reader = RowsReader([len(prompt) - 1], cells.tolist(), layers, heads, each=True)
    lab.forward(prompt, edits, [reader])
    if method == "raw":
        values = reader.result()[0].double().numpy()
    elif method == "flow":
        values = flow(lab, messages, keys=cells.tolist(), edits=edits, layers=layers, heads=heads)[cells]
    else:
        through = rollout if method == "rollout" else relevance
        values = through(lab, messages, edits=edits, layers=layers, heads=heads)[cells]
    return Look(values.reshape(span.grid), span.view, reader.table().sum(-1).mean(-1).numpy())
