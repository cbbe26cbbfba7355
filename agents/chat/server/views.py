"""Turns and events as the page sees them, read from run folders."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentkit.contracts.result import Result
from agentkit.contracts.run import RunInfo
from agentkit.errors import RunError, UsageError
from agentkit.runs.folder import EVENTS, RunFolder

from ....memory import conversations as memory
from ....memory.conversations import NotKept
from ..agent import OWN_WORDS
from .schema import Turn, TurnStatus

# What a run is cut off with when the server stops; else an interrupted turn was stopped by the user.
CUT_OFF = "the server stopped"
STOPPED = ("interrupted", "stopped")
LONGEST = 2000


def slim(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event for a list of steps: without prompts, maps of attention and long texts.

    The whole event is to be had by its number.
    """
    kept = {key: value for key, value in event.items() if key not in ("prompt", "heat", "parts")}
    if event.get("heat"):
        kept["heat"] = True
    for key in ("text", "reply", "detail"):
        # What was said is the answer and stays whole.
        if event["kind"] != "said" and isinstance(kept.get(key), str) and len(kept[key]) > LONGEST:
            kept[key] = kept[key][:LONGEST] + "…"
    if "outcome" in kept:
        kept["outcome"] = _short(kept["outcome"])
    return kept


def events_on_disk(folder: Path, after: int = -1) -> Iterator[dict[str, Any]]:
    """Yield the events of a run whose number is above ``after``; none when the folder is gone."""
    path = folder / EVENTS
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            # A line without its end is being written, or was torn by a kill.
            if line.endswith(b"\n"):
                event = json.loads(line)
                if event["seq"] > after:
                    yield event


def event_on_disk(folder: Path, number: int) -> dict[str, Any]:
    """Return one whole event. Raises ``NotKept`` when there is none of this number."""
    for event in events_on_disk(folder, number - 1):
        if event["seq"] == number:
            return event
    raise NotKept(f"there is no event {number}")


def info_of(folder: Path) -> RunInfo | None:
    """Return the head of a run, None when it is not there (any more) or of another version."""
    try:
        return RunFolder.open(folder, mend=False).info
    except (RunError, UsageError):
        return None


def said_so_far(folder: Path) -> str:
    """Return what was written of an answer before it was cut off: the pieces of the last attempt."""
    pieces: list[str] = []
    for event in events_on_disk(folder):
        if event["kind"] in ("run_started", "run_resumed"):
            pieces = []
        elif event["kind"] == "said":
            pieces.append(event["text"])
    return "".join(pieces).strip()


def turn_view(turn: memory.Turn, conversation: str, *, running: bool) -> Turn:
    """Return a turn as the page shows it."""
    asked, replied = _sides(turn.messages)
    info = info_of(Path(turn.run))
    result = info.result if info is not None else None
    view = Turn(
        key=turn.key,
        conversation=conversation,
        time=turn.time,
        text=asked.get("text", ""),
        pictures=asked.get("images", []),
        status="running" if running else status_of(result, done=turn.done),
        answer=replied.get("text"),
        trusted=replied.get("trusted", True),
        recorded=running or info is not None,
        models=_models(info),
        strategy=info.settings.get("strategy") if info is not None else None,
    )
    if result is None or running:
        return view
    return view.model_copy(update=_of_result(view, result))


def _models(info: RunInfo | None) -> dict[str, str]:
    return {role: model.reference for role, model in info.models.items() if "." not in role} if info else {}


def status_of(result: Result | None, *, done: bool) -> TurnStatus:
    """Return where a turn stands that does not run."""
    if result is None:
        # A run that a kill ended wrote no result; a finished turn may outlive its run's folder.
        return "done" if done else "interrupted"
    if result.status == "failed" and result.error in STOPPED:
        return "stopped"
    if result.status == "failed" and result.error == CUT_OFF:
        return "interrupted"
    return "waiting" if result.status == "needs_input" else result.status


def _of_result(view: Turn, result: Result) -> dict[str, Any]:
    output = result.output if isinstance(result.output, dict) else {}
    route = output.get("route")
    return {
        "answer": result.answer or (view.answer if view.status == "stopped" else None),
        "trusted": view.trusted and route in (None, *OWN_WORDS),
        "route": route,
        "evidence": result.evidence,
        "question": result.question,
        "error": None if view.status in ("stopped", "interrupted") else result.error,
        "usage": result.usage,
        "steps": result.steps,
    }


def _sides(messages: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was asked (text, pictures) and what was replied (text, whether it can be trusted)."""
    sides: list[dict[str, Any]] = [{}, {}]
    for message in messages:
        side = sides[0 if message["role"] == "user" else 1]
        parts = message["parts"]
        side["text"] = "\n".join(part["text"] for part in parts if "text" in part)
        side["images"] = [part["image"] for part in parts if "image" in part]
        side["trusted"] = all(part["trust"] == "trusted" for part in parts)
    return sides[0], sides[1]


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= LONGEST else text[:LONGEST] + "…"
