"""Cutting a text into passages: whole sentences where possible, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Characters. MiniLM reads 256 tokens, about 1,000 characters of English; small models answer better from less.
SIZE = 700
OVERLAP = 100
_ENDS = re.compile(r"\n\s*\n|(?<=[.!?])[\"')\]]*\s+|(?<=[。！？])")
_BLANK = re.compile(r"\n\s*\n")


def spans(text: str, size: int = SIZE, overlap: int = OVERLAP) -> list[tuple[int, int]]:
    """Return (start, end) of passages of at most ``size`` characters that together cover every word.

    They end at sentences; a sentence longer than ``size`` is cut at a space, or anywhere when it has none. The next
    passage repeats whole sentences of up to ``overlap`` characters, unless a paragraph ended there.
    """
    found: list[tuple[int, int]] = []
    held: list[tuple[int, int]] = []
    for start, end in _sentences(text, size):
        full = held and end - held[0][0] > size
        if full or (held and _paragraph_is_enough(text, held, start, size)):
            found.append((held[0][0], held[-1][1]))
            held = _tail(text, held, start, min(overlap, size - (end - start)))
        held.append((start, end))
    if held:
        found.append((held[0][0], held[-1][1]))
    return found


def _paragraph_is_enough(text: str, held: list[tuple[int, int]], start: int, size: int) -> bool:
    """Say whether a paragraph ends before ``start`` and half a passage is there: what begins next is another matter."""
    return held[-1][1] - held[0][0] >= size // 2 and bool(_BLANK.search(text, held[-1][1], start))


def _tail(text: str, held: list[tuple[int, int]], start: int, room: int) -> list[tuple[int, int]]:
    """Return the last sentences that fit into ``room`` characters before ``start``."""
    if _BLANK.search(text, held[-1][1], start):
        return []
    return [span for span in held[1:] if start - span[0] <= room]


def _sentences(text: str, size: int) -> Iterator[tuple[int, int]]:
    place = 0
    for match in _ENDS.finditer(text):
        yield from _pieces(text, place, match.end(), size)
        place = match.end()
    yield from _pieces(text, place, len(text), size)


def _pieces(text: str, start: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield a sentence without the space around it, in pieces when it is too long."""
    start, end = _trimmed(text, start, end)
    while end - start > size:
        cut = text.rfind(" ", start + size // 2, start + size)
        cut = cut if cut > start else start + size
        yield _trimmed(text, start, cut)
        start, end = _trimmed(text, cut, end)
    if start < end:
        yield start, end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
