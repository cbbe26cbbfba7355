"""A run in progress: its folder, its events, its journal, and what it replays."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ..content import Box, Image
from ..contracts.event import EventBase
from ..contracts.result import Usage
from ..contracts.run import RunInfo
from ..runs.folder import CALLS, EVENTS, RunFolder
from ..runs.recording import Recording
from .corrections import Corrections
from .filing import Filing
from .journal import Journal

Listener = Callable[[EventBase], None]
_SPAN: ContextVar[str] = ContextVar("agentkit_span", default="")


class Run:
    """What agents write to while they work.

    Live, everything goes to the folder. In a replay nothing is written: model calls, observations and effects
    come from the recording, events are only handed to the listeners.
    """

    def __init__(self, folder: RunFolder, *, replay: bool = False) -> None:
        self.folder = folder
        self.replaying = replay
        self.attempt = folder.info.attempt
        self.listeners: list[Listener] = []
        self.recording = Recording.load(folder) if replay or self.attempt > 1 else Recording([], [])
        self._seq = 0 if replay else len(folder.lines(EVENTS))
        filing = Filing(folder, self.recording, self.attempt, replay, self.emit)
        self.journal, self.corrections = Journal(filing), Corrections(filing)

    @classmethod
    def start(cls, info: RunInfo, path: Path | None = None, *, under: Path | None = None) -> Run:
        """Return a new run with a new folder."""
        return cls(RunFolder.create(info, path, under=under))

    @classmethod
    def resume(cls, path: Path) -> Run:
        """Return a run that goes on where an earlier attempt ended."""
        folder = RunFolder.open(path)
        folder.info.attempt += 1
        folder.info.result = None
        folder.save()
        return cls(folder)

    @classmethod
    def replay(cls, path: Path) -> Run:
        """Return a run that repeats a recorded one without models, browser or network."""
        return cls(RunFolder.open(path), replay=True)

    @property
    def info(self) -> RunInfo:
        return self.folder.info

    def emit(self, event: EventBase) -> None:
        """Write an event and hand it to the listeners."""
        parent = _SPAN.get()
        event.seq, event.time = self._seq, time.time()
        if not event.span:
            event.span = parent
        elif event.parent is None and parent and parent != event.span:
            event.parent = parent
        self._seq += 1
        if not self.replaying:
            self.folder.append(EVENTS, event.model_dump(mode="json", exclude_none=True))
        for listener in self.listeners:
            listener(event)

    def record_call(self, line: dict[str, Any]) -> None:
        """File a model call."""
        self.folder.append(CALLS, {"attempt": self.attempt, **line})

    def put_image(self, image: Image) -> str:
        """Keep a picture; return its digest (of the original for a crop)."""
        return image.origin.sha256 if self.replaying else self.folder.put_image(image)

    def get_image(self, digest: str, box: Box | None = None) -> Image:
        """Return a kept picture."""
        return self.folder.get_image(digest, box)

    def spent(self) -> Usage:
        """Return what all attempts so far used, from the recorded calls."""
        total = Usage()
        for line in self.folder.lines(CALLS):
            total = total + Usage.model_validate(line["usage"])
        ends = [e["usage"]["seconds"] for e in self.folder.lines(EVENTS) if e["kind"] == "run_ended"]
        return total.model_copy(update={"seconds": ends[-1] if ends else 0.0})

    def step_scopes(self) -> set[str]:
        """Return the scopes of the steps that earlier attempts took."""
        events = self.folder.lines(EVENTS)
        return {event["span"] for event in events if event["kind"] == "node_started" and event.get("counted")}


class span_of:  # noqa: N801 - a context manager that reads as a phrase
    """Put everything that is emitted inside under one span."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> str:
        self._token = _SPAN.set(self.name)
        return self.name

    def __exit__(self, *_: object) -> None:
        _SPAN.reset(self._token)
