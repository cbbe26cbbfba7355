"""Experts by reference: what ``--expert`` takes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TypeAlias

from agentkit.errors import MissingExtra, UsageError

from ..eyes import Eyes
from ..parts import Expert
from .detector import DetectorExpert
from .model import ModelExpert
from .template import TemplateExpert
from .text import TextExpert

MakeExpert: TypeAlias = Callable[[Eyes], Expert]

REFERENCES = ("model", "text", "hf:REF", "template:FILE")


def make_expert(reference: str) -> MakeExpert:
    """Return what makes the expert of a reference for a picture.

    ``model``: the model that sees. ``text``: reads (rapidocr). ``hf:Org/Name`` or ``hf:FOLDER``: an open-vocabulary
    detector, loaded at once, which takes seconds. ``template:FILE``: finds what looks like the picture in the file.
    Raises ``UsageError`` for anything else, ``MissingExtra`` when a library is not installed, ``ImageError`` for a
    template that is no picture, ``ModelError`` for weights that can't be loaded.
    """
    kind, _, rest = reference.partition(":")
    if reference == "model":
        return ModelExpert
    if reference == "text":
        _need("rapidocr", "rapidfuzz")
        return TextExpert.maker()
    if kind == "hf" and rest:
        return DetectorExpert.maker(reference)
    if kind == "template" and rest:
        _need("cv2")
        return TemplateExpert.maker(rest)
    raise UsageError(f"there is no expert {reference!r}", mend="one of " + ", ".join(REFERENCES))


def _need(*libraries: str) -> None:
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise MissingExtra({"cv2": "opencv"}.get(library, library), "vision")
