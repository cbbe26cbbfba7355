"""The action journal: every effect is written down before and after it happens.

A crash between the two leaves ``pending``; when the run is resumed, that action is *unknown*: it may or may not
have happened. So is one that got no answer (``OutcomeUnknown``). Reads (observations) have no effect on the world and are simply made again.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..contracts.event import Acted
from ..errors import OutcomeUnknown, ToolError
from ..runs.recording import digest
from .filing import Filing
from .scope import current_scope


@dataclass(frozen=True)
class Effect:
    """What an action is, for the journal.

    ``replayable``: doing it again on a fresh page gives the same state (filling a field, following a link).
    ``irreversible``: doing it twice does harm (paying, sending, deleting); never repeated without asking.
    """

    name: str
    arguments: dict[str, Any]
    describe: str
    replayable: bool = False
    irreversible: bool = False
    box: tuple[float, float, float, float] | None = None

    @property
    def key(self) -> str:
        return digest(self.name, self.arguments)


@dataclass(frozen=True)
class Entry:
    """A journalled action with its newest state."""

    scope: str
    key: str
    state: str
    effect: Effect
    outcome: Any = None
    error: str | None = None


class UnknownAction(Exception):  # noqa: N818 - control flow: the graph turns it into a question
    """An earlier attempt of the run died while this action was under way."""

    def __init__(self, effect: Effect) -> None:
        super().__init__(f"{effect.describe}: it may or may not have happened")
        self.effect = effect


class Journal:
    """Performs effects once, and remembers them across crashes (``runs/journal.jsonl``)."""

    def __init__(self, filing: Filing) -> None:
        self._filing = filing
        self._recording, self._replay, self._emit = filing.recording, filing.replay, filing.emit
        self._within = ""
        self._entries: dict[tuple[str, str], Entry] = {}
        for line in filing.lines("act"):
            self._note(line)

    async def read(self, name: str, arguments: dict[str, Any], fetch: Callable[[], Awaitable[Any]]) -> Any:
        """Return what ``fetch`` gives (JSON data); in a replay, what it gave then."""
        key = digest(name, arguments)
        if self._replay:
            line = self._recording.effect(current_scope(), key, name)
            if line["state"] == "failed":
                raise ToolError(line["error"])
            return line["outcome"]
        try:
            outcome = await fetch()
        except ToolError as error:
            self._filing.write("read", key, "failed", name=name, error=str(error))
            raise
        self._filing.write("read", key, name=name, outcome=outcome)
        return outcome

    async def act(self, effect: Effect, perform: Callable[[], Awaitable[Any]]) -> Any:
        """Do an action once and return its outcome (JSON data).

        An action that an earlier attempt finished at this place is not done again. Raises ``UnknownAction`` when
        an earlier attempt died in it (or had no answer) and it can't simply be repeated, ``ToolError`` when it
        failed.
        """
        if self._replay:
            return self._replayed(effect)
        earlier = self._entries.get((current_scope(), effect.key))
        if earlier is not None and earlier.state == "done":
            self._event(effect, "replayed", "done before the crash")
            return earlier.outcome
        if earlier is not None and earlier.state in ("pending", "unknown") and not _repeatable(effect):
            self._write_act(effect, "unknown")
            raise UnknownAction(effect)
        self._write_act(effect, "pending", sync=True)
        try:
            outcome = await perform()
        except ToolError as error:
            state = "unknown" if isinstance(error, OutcomeUnknown) else "failed"
            self._write_act(effect, state, sync=True, error=str(error))
            raise
        self._write_act(effect, "done", outcome=outcome, sync=True)
        return outcome

    def settle(self, effect: Effect, outcome: Any) -> None:
        """Note that an unknown action did happen, as the user said."""
        if not self._replay:
            self._write_act(effect, "done", outcome=outcome)

    def answer(self, question: str, answer: str, by: str) -> None:
        """File the answer to a question, for the replay."""
        self._filing.write("answer", question, scope=f"answer:{question}", sync=True, outcome=answer, by=by)

    def actions(self) -> list[Entry]:
        """Return the actions that are done, in the order in which they were."""
        done = [entry for entry in self._entries.values() if entry.state == "done"]
        return [entry for entry in done if entry.scope.startswith(self._within)]

    def inside(self, scope: str) -> Journal:
        """Return this journal as an agent inside the node at ``scope`` sees it: its own actions only."""
        view = copy.copy(self)
        view._within = f"{scope}/" if scope else ""
        return view

    def _replayed(self, effect: Effect) -> Any:
        line = self._recording.effect(current_scope(), effect.key, effect.describe)
        self._event(effect, line["state"], line.get("error"))
        if line["state"] == "unknown":
            # With an error it got no answer; without one a crash cut it off.
            raise OutcomeUnknown(line["error"]) if line.get("error") else UnknownAction(effect)
        if line["state"] == "failed":
            raise ToolError(line["error"])
        return line["outcome"]

    def _write_act(self, effect: Effect, state: str, *, sync: bool = False, **more: Any) -> None:
        facts = {
            "arguments": effect.arguments,
            "describe": effect.describe,
            "replayable": effect.replayable,
            "irreversible": effect.irreversible,
            "box": effect.box,
        }
        # What can simply be done again is not worth waiting for the disk.
        sync = sync and not _repeatable(effect)
        line = self._filing.write("act", effect.key, state, sync=sync, name=effect.name, **facts, **more)
        self._note(line)
        self._event(effect, state, more.get("error"))

    def _note(self, line: dict[str, Any]) -> None:
        box = line.get("box")
        effect = Effect(
            line["name"],
            line["arguments"],
            line["describe"],
            line["replayable"],
            line["irreversible"],
            tuple(box) if box else None,
        )
        place = (line["scope"], line["key"])
        # Order is that of completion: an action that is done moves to the end.
        self._entries.pop(place, None)
        self._entries[place] = Entry(*place, line["state"], effect, line.get("outcome"), line.get("error"))

    def _event(self, effect: Effect, state: Any, detail: str | None) -> None:
        self._emit(Acted(action=effect.describe, state=state, detail=detail, box=effect.box))


def _repeatable(effect: Effect) -> bool:
    return effect.replayable and not effect.irreversible
