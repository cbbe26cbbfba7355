"""What ``agentkit attend`` and ``agentkit edits`` print with ``--json``."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .result import Contract


class Looked(Contract):
    """An answer and where the model looked.

    ``heat``: rows of the picture's grid, 0 or more. ``heads``: one row a layer, the share (0 to 1) of the attention
    of the prompt's last token that the picture gets in each head. ``in_box``: the share of the heat in the box, where
    there is one. ``overlay``: the file with the heat over the picture.
    """

    answer: str
    heat: list[list[float]]
    heads: list[list[float]]
    in_box: float | None = None
    overlay: str


class Attended(Contract):
    """A question about a picture: the plain answer, and with a ``box`` the answer with the attention in it.

    ``image``: sha256. ``view``: the box (left, top, right, bottom, in pixels of the picture) that the grid of the heat
    covers; it may reach beyond the picture. ``layers`` and ``head_numbers``: what ``heads`` has rows and columns of.
    ``table``: the file with the heads as text.
    """

    question: str
    image: str
    model: str
    method: str
    view: tuple[float, float, float, float]
    layers: list[int]
    head_numbers: list[int]
    plain: Looked
    box: tuple[float, float, float, float] | None = None
    focused: Looked | None = None
    table: str


class Parameter(Contract):
    """A parameter of an edit, with its default as data where it has one."""

    name: str
    type: str
    required: bool
    default: Any = None


class EditInfo(Contract):
    """A method: its name and class, what it does, where it comes from, what it needs of a model.

    ``ensemble``: it runs several variants of a prompt side by side (one such method a call).
    """

    name: str
    use: str
    summary: str
    source: str
    needs: list[str]
    ensemble: bool
    parameters: list[Parameter]


class Edits(Contract):
    """All methods."""

    edits: list[EditInfo] = Field(default_factory=list)
