"""The expert of text: it reads, in pictures of any size."""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from agentkit.content import Box
from agentkit.errors import MissingExtra

from ....tools.vision import Notes, PageReader, ReadingPlan, TextLine
from ..eyes import Eyes
from ..tree import Find, FocusNode

# A description with one of these words and nothing in quotes is of text that nobody knows yet.
ANY_TEXT = (
    "text texts word words letter letters writing written inscription sign signs label labels caption captions title "
    "titles heading headline logo name names note message say says read reads spell spells spelled"
)
# The same, of text that has a digit in it.
ANY_NUMBER = "number numbers digit digits price prices date time code"
QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|‘([^’]+)’|«([^»]+)»|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)")
# How alike (0..1) a part of a line must be to what is sought; four letters with one misread are 0.75.
ALIKE = 0.75
# A part is cut out of a line's box by counting letters, which differ in width: so much of the line's height is added.
SLACK = 0.5
# Of how many pictures the notes are kept.
PICTURES = 16


@dataclass(frozen=True)
class Sought:
    """What text is looked for. ``strings``: one of these; without any: every text, with a digit if ``digits``."""

    strings: tuple[str, ...] = ()
    digits: bool = False

    @classmethod
    def of(cls, about: str) -> Sought:
        """Return what a description asks for.

        What is in quotes is sought as it stands (``the sign "Gate 4"``). Else a description of some text ("the
        number on the door", "") asks for any; and everything else is itself what should be written there.
        """
        quoted = tuple(next(filter(None, match.groups())) for match in QUOTED.finditer(about))
        if any(plain(text) for text in quoted):
            return cls(tuple(text for text in quoted if plain(text)))
        words = set(re.findall(r"\w+", about.lower()))
        if words & set(ANY_NUMBER.split()):
            return cls(digits=True)
        if words & set(ANY_TEXT.split()) or not plain(about):
            return cls()
        return cls((about,))


class TextExpert:
    """Finds lines of text in a region: those that say what is sought, or all of them when no words are known.

    It reads the region in tiles at the picture's own scale (``ReadingPlan``), and every tile once in its life; give
    ``TextExpert.maker()`` to an agent, and the reader is kept between the steps of a search. Misread letters are
    allowed for: ``alike`` (0..1) of what is sought must be there. A find has the line in ``text`` and the box of the
    matching part; its confidence is the reader's times the likeness.
    """

    def __init__(
        self,
        eyes: Eyes,
        *,
        plan: ReadingPlan | None = None,
        alike: float = ALIKE,
        notes: Notes | None = None,
    ) -> None:
        self.reader = PageReader(eyes.image, plan, notes)
        self.alike = alike

    @classmethod
    def maker(cls, plan: ReadingPlan | None = None, *, alike: float = ALIKE) -> Callable[[Eyes], TextExpert]:
        """Return what makes an expert for a picture; the experts of one picture share what was read of it."""
        known: OrderedDict[str, Notes] = OrderedDict()

        def make(eyes: Eyes) -> TextExpert:
            notes = known.setdefault(eyes.image.sha256, Notes())
            known.move_to_end(eyes.image.sha256)
            while len(known) > PICTURES:
                known.popitem(last=False)
            return cls(eyes, plan=plan, alike=alike, notes=notes)

        return make

    async def find(self, node: FocusNode) -> list[Find]:
        """Return the matching lines of the region, best first; leaves ``exists`` and ``lines`` on the node's scores.

        Raises ``MissingExtra`` without rapidocr or rapidfuzz.
        """
        sought = Sought.of(node.about)
        page = await self.reader.aread(node.box)
        finds = [find for line in page.lines if (find := match(line, sought, self.alike)) is not None]
        finds.sort(key=lambda find: -find.confidence)
        node.scores["lines"] = float(len(page.lines))
        node.scores["exists"] = finds[0].confidence if finds else 0.0
        return finds


def match(line: TextLine, sought: Sought, alike: float = ALIKE) -> Find | None:
    """Return the find of a line, None when it says something else."""
    if not sought.strings:
        fits = not sought.digits or any(letter.isdigit() for letter in line.text)
        return Find(line.box, line.confidence, line.text) if fits else None
    likeness, start, end = max(_likeness(line.text, text) for text in sought.strings)
    if likeness < alike:
        return None
    return Find(_part(line.box, start, end), line.confidence * likeness, line.text)


def plain(text: str) -> str:
    """Return the letters and digits of a text, without case, accents or width forms."""
    spread = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in spread if letter.isalnum())


def _likeness(text: str, sought: str) -> tuple[float, float, float]:
    """Return how alike (0..1) a text is to what is sought, at best, and from where to where (shares of it)."""
    try:
        from rapidfuzz import fuzz
    except ImportError as error:
        raise MissingExtra("rapidfuzz", "vision") from error
    # Spaces are left out, because the reader often loses them.
    there, wanted = plain(text), plain(sought)
    if not there or not wanted:
        return 0.0, 0.0, 1.0
    if len(there) < len(wanted):
        # The shorter of the two would be looked for in the longer: "a" is not "harbour".
        return fuzz.ratio(there, wanted) / 100, 0.0, 1.0
    best = fuzz.partial_ratio_alignment(wanted, there)
    if best is None:
        return 0.0, 0.0, 1.0
    return best.score / 100, best.dest_start / len(there), best.dest_end / len(there)


def _part(box: Box, start: float, end: float) -> Box:
    if box.height > box.width:
        slack = SLACK * box.width
        top, bottom = box.top + start * box.height - slack, box.top + end * box.height + slack
        return Box(box.left, max(top, box.top), box.right, min(bottom, box.bottom))
    slack = SLACK * box.height
    left, right = box.left + start * box.width - slack, box.left + end * box.width + slack
    return Box(max(left, box.left), box.top, min(right, box.right), box.bottom)
