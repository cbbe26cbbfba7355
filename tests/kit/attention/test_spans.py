"""Spans are found by what they are; anything else is an error that names what exists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from agentkit.attention.spans import Span, Spans
from agentkit.content import Image
from agentkit.errors import UsageError

RED, BLUE = (Image.of_pixels(Pillow.new("RGB", (4, 4), colour)) for colour in ("red", "blue"))
SPANS = Spans(
    (
        Span("system", "trusted", np.arange(2, 5)),
        Span("observation", "untrusted", np.arange(7, 10)),
        Span("observation", "trusted", np.array([12, 14]), RED, (1, 2)),
        Span("instruction", "trusted", np.arange(20, 22)),
        Span("query", "trusted", np.arange(0)),
    )
)


def test_labels_marks_and_images() -> None:
    assert SPANS.find("system").tolist() == [2, 3, 4]
    assert SPANS.find("observation").tolist() == [7, 8, 9, 12, 14]
    assert SPANS.find("untrusted").tolist() == [7, 8, 9]
    assert SPANS.find(RED).tolist() == [12, 14]
    assert SPANS.image(RED).grid == (1, 2)


@pytest.mark.parametrize("what", ["exemplar", "no such label", BLUE])
def test_what_is_not_there_is_named_with_what_is(what: str | Image) -> None:
    with pytest.raises(
        UsageError, match="system, observation, instruction, query, trusted, untrusted, image"
    ):
        SPANS.find(what)


def test_an_empty_span_is_an_error() -> None:
    with pytest.raises(UsageError, match="empty"):
        SPANS.find("query")


@given(st.lists(st.tuples(st.sampled_from(["system", "query"]), st.integers(1, 4)), min_size=1))
def test_found_tokens_are_ascending_and_those_of_the_parts(parts: list[tuple[str, int]]) -> None:
    start, spans, wanted = 0, [], []
    for label, length in parts:
        spans.append(Span(label, "trusted", np.arange(start, start + length)))  # type: ignore[arg-type]
        wanted += list(range(start, start + length)) if label == parts[0][0] else []
        start += length
    assert Spans(tuple(spans)).find(parts[0][0]).tolist() == wanted
