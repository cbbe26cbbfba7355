"""What the user says while a run is under way: filed at once, heard by the agent between two steps.

A correction outlives the process: it is in the journal before anybody acts on it, so that a killed run still hears it,
and where it was heard is recorded, so that a replay hears it at the same place.
"""

from __future__ import annotations

from collections.abc import Callable

from ..contracts.event import Corrected
from ..errors import UsageError
from .filing import Filing
from .scope import current_scope

GIVEN, HEARD, WAITING, HANDED = "correction", "heard", "waiting", "handed back"


class Corrections:
    """The corrections of a run, in order. A graph keeps those that it has heard in its state.

    ``hearers`` check a correction for the agents inside the run's nodes that will hear it.
    """

    def __init__(self, filing: Filing) -> None:
        self._filing = filing
        self._recording, self._replay, self._emit = filing.recording, filing.replay, filing.emit
        self.hearers: list[Callable[[str], None]] = []
        self._given: list[tuple[str, str]] = [(line["outcome"], line["by"]) for line in filing.lines(GIVEN)]

    def give(self, text: str, by: str) -> None:
        """File what the user says. Raises ``UsageError`` when it is nothing, or in a replay."""
        if not text.strip():
            raise UsageError("the correction is empty", mend="say what should be different")
        if self._replay:
            raise UsageError("a replay repeats what was; it takes no corrections")
        # The place is the correction's own: what is filed under a node may be filed anew when the node runs again.
        place = f"{GIVEN}:{len(self._given)}"
        self._write(GIVEN, text.strip(), scope=place, by=by)
        self._given.append((text.strip(), by))

    def hear(self, known: int) -> list[str]:
        """Return the corrections after the first ``known``, and emit them."""
        if self._replay:
            line = self._recording.at(current_scope(), HEARD)
            heard = [(text, by) for text, by in line["outcome"]] if line else []
        else:
            heard = self._given[known:]
            if heard:
                self._write(HEARD, heard)
        for text, by in heard:
            self._emit(Corrected(text=text, by=by))
        return [text for text, _ in heard]

    def waiting(self, known: int) -> bool:
        """Say whether there are corrections after the first ``known``."""
        return self._noted(WAITING, len(self._given) > known)

    def handed_back(self, so: bool, when: str) -> bool:
        """Say whether the user worked on the page meanwhile, which only a live run can tell (``so``)."""
        return self._noted(f"{HANDED} {when}", so)

    def _noted(self, kind: str, so: bool) -> bool:
        if self._replay:
            return self._recording.at(current_scope(), kind) is not None
        if so:
            self._write(kind, True)
        return so

    def _write(self, kind: str, outcome: object, **more: str) -> None:
        self._filing.write(kind, kind, sync=True, outcome=outcome, **more)
