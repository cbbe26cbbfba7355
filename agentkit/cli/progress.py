"""One line a step, from the events of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.text import Text

from ..content.box import box_text
from ..contracts import event as ev
from .terminal import counted, err, plain

WIDTH = 160
Line = tuple[str, str]


def progress(console: Console | None = None) -> Callable[[ev.EventBase], None]:
    """Return a listener that prints events as lines on standard error."""
    console = console or err()

    def listen(event: ev.EventBase) -> None:
        line = line_of(event)
        if line is not None:
            text, style = line
            console.print(Text(plain(text, WIDTH), style=style))

    return listen


def line_of(event: ev.EventBase) -> Line | None:
    """Return the line and the style of an event, None for events that people need not see."""
    for kind, write in _LINES:
        if isinstance(event, kind):
            return write(event)
    return None


def _started(event: ev.RunStarted) -> Line:
    models = ", ".join(f"{role}: {name}" for role, name in event.models.items())
    return f"▸ {event.agent}: {event.task}" + (f"  [{models}]" if models else ""), "bold"


def _resumed(event: ev.RunResumed) -> Line:
    return f"▸ resumed (attempt {event.attempt})", "bold"


def _observed(event: ev.Observed) -> Line:
    place = event.url or "the screen"
    return f"  saw {place}" + (f" “{event.title}”" if event.title else ""), "dim"


def _looked(event: ev.Looked) -> Line:
    scores = ", ".join(f"{name} {value:.2f}" for name, value in event.scores.items())
    mark, style = ("found", "green") if event.found else ("looked at", "dim")
    place = "  " * min(event.depth, 6)
    return f"  {place}{mark} {box_text(event.box)} for {event.about}" + (
        f": {scores}" if scores else ""
    ), style


def _found(event: ev.Found) -> Line:
    item = event.evidence
    score = f" ({item.score:.2f})" if item.score is not None else ""
    if item.kind == "region" and item.box is not None:
        return f"  ✓ {item.label or 'region'} at {box_text(item.box)}{score}", "green"
    return f"  ✓ {item.source or 'source'}: {item.text or ''}{score}", "green"


def _acted(event: ev.Acted) -> Line | None:
    if event.state == "pending":
        return None
    marks = {
        "done": ("→", ""),
        "failed": ("✗", "red"),
        "unknown": ("?", "yellow"),
        "replayed": ("↻", "dim"),
    }
    mark, style = marks[event.state]
    detail = f" ({event.detail})" if event.detail else ""
    return f"  {mark} {event.action}{detail}", style


def _tool(event: ev.ToolCalled) -> Line:
    if event.error is not None:
        return f"  ✗ {event.tool}: {event.error}", "red"
    return f"  → {event.tool} ({event.seconds:.1f} s)", ""


def _asked(event: ev.Asked) -> Line:
    return f"  ? asked: {event.question.text}", "yellow"


def _answered(event: ev.Answered) -> Line:
    return f"  ! {event.by} answered: {event.answer}", "yellow"


def _corrected(event: ev.Corrected) -> Line:
    return f"  ! {event.by} corrected: {event.text}", "yellow"


def _remembered(event: ev.Remembered) -> Line:
    return f"  + remembered: {event.task} ({counted(event.steps, 'step')})", "cyan"


def _recalled(event: ev.Recalled) -> Line | None:
    if not event.items:
        return None
    best: dict[str, Any] = event.items[0]
    similarity = best.get("similarity")
    near = f" ({similarity:.2f})" if isinstance(similarity, (int, float)) else ""
    more = f" and {len(event.items) - 1} more" if len(event.items) > 1 else ""
    return f"  ~ recalled: {best.get('task', best.get('id', ''))}{near}{more}", "cyan"


def _condensed(event: ev.Condensed) -> Line:
    return (
        f"  ~ condensed {counted(event.turns, 'earlier turn')} ({event.tokens} tokens to {event.left})",
        "dim",
    )


def _spent(event: ev.BudgetSpent) -> Line:
    return f"  ■ the budget of {event.allowed:g} {event.limit} is spent", "yellow"


def _decided(event: ev.Decided) -> Line:
    return f"  next: {event.choice}", "dim"


def _looked_ahead(event: ev.LookedAhead) -> Line:
    tried = sum(node.tried for node in event.nodes[1:])
    return f"  looked ahead: {counted(tried, 'action')} tried, {event.choice} leads to the best page", "dim"


def _note(event: ev.Note) -> Line:
    return f"  {event.text}", {"info": "dim", "warning": "yellow", "error": "red"}[event.level]


_LINES: list[tuple[type[ev.EventBase], Callable[[Any], Line | None]]] = [
    (ev.RunStarted, _started),
    (ev.RunResumed, _resumed),
    (ev.Observed, _observed),
    (ev.Looked, _looked),
    (ev.Found, _found),
    (ev.Acted, _acted),
    (ev.ToolCalled, _tool),
    (ev.Asked, _asked),
    (ev.Answered, _answered),
    (ev.Corrected, _corrected),
    (ev.Remembered, _remembered),
    (ev.Recalled, _recalled),
    (ev.Condensed, _condensed),
    (ev.BudgetSpent, _spent),
    (ev.Decided, _decided),
    (ev.LookedAhead, _looked_ahead),
    (ev.Note, _note),
]
