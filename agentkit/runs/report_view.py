"""What a report shows, taken from a run's events: spans, searches, questions, and what the calls took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..contracts import event as ev
from ..contracts.result import Evidence, Question, Result, Usage
from ..contracts.run import RunInfo
from .report_ahead import looks_ahead
from .report_search import Search, main_score, searches

Box = tuple[float, float, float, float]
MAX_CHIPS = 4


@dataclass
class Entry:
    """One event of the timeline. ``screen`` is the screenshot that an action was taken on."""

    event: ev.EventBase
    at: float
    screen: str | None = None

    @property
    def kind(self) -> str:
        return getattr(self.event, "kind", "")


@dataclass
class Span:
    """One execution of a node, with what happened in it. ``seconds`` is None when it was not ended."""

    id: str
    node: str
    step: int
    counted: bool
    at: float
    seconds: float | None = None
    items: list[Span | Entry] = field(default_factory=list)

    kind = "span"

    def entries(self) -> Iterable[Entry]:
        """Yield the events inside, those of inner spans too."""
        for item in self.items:
            if isinstance(item, Span):
                yield from item.entries()
            else:
                yield item

    @property
    def chips(self) -> list[tuple[str, str]]:
        """A few words on what happened: (kind, text)."""
        return chips_of([entry.event for entry in self.entries()])

    @property
    def kinds(self) -> str:
        """The kinds of the events inside, for the filters of the page."""
        return " ".join(sorted({entry.kind for entry in self.entries()}))


@dataclass
class Screen:
    """A screenshot and the actions that were taken on it."""

    image: str
    title: str
    at: float
    actions: list[ev.Acted] = field(default_factory=list)

    @property
    def mark(self) -> Box | None:
        """Where the first action was."""
        return next((action.box for action in self.actions if action.box), None)


@dataclass
class Asking:
    """A question and its answer, None while it is open."""

    question: Question
    answer: str | None = None
    by: str | None = None


@dataclass
class Calls:
    """What the calls of one model in one role took."""

    role: str
    model: str
    made: int = 0
    cached: int = 0
    usage: Usage = field(default_factory=Usage)


class View:
    """Everything the page shows. ``result`` is None for a run that was killed or is still going on."""

    def __init__(self, info: RunInfo, events: Sequence[ev.EventBase]) -> None:
        self.info, self.events = info, events
        self.result: Result | None = info.result
        self.start = events[0].time if events else info.created
        self.timeline = timeline(events, self.start)
        self.searches = searches(events, str(info.settings.get("strategy") or ""))
        self.ahead = looks_ahead(events)
        self.screens = screens(events, self.start)
        self.questions = questions(events)
        self.calls = calls(events)
        self.total = sum((row.usage for row in self.calls), Usage())
        self.recalled = [event for event in events if isinstance(event, ev.Recalled) and event.items]
        self.retrieved = [event for event in events if isinstance(event, ev.Retrieved)]
        self.remembered = [event for event in events if isinstance(event, ev.Remembered)]
        # Waiting for an answer is not part of what a run took.
        lasted = events[-1].time - self.start if events else 0.0
        self.seconds = info.result.usage.seconds if info.result else lasted

    @property
    def status(self) -> str:
        return self.result.status if self.result else "unfinished"

    @property
    def evidence(self) -> list[Evidence]:
        """The evidence of the answer; of an unfinished run, what was found so far."""
        if self.result is not None:
            return self.result.evidence
        return [event.evidence for event in self.events if isinstance(event, ev.Found)]

    def found_by(self, item: Evidence) -> tuple[int, Search, int] | None:
        """Return where a piece of evidence comes from: the number of the search (from 1), it, and its look."""
        for number, search in enumerate(self.searches, start=1):
            order = search.look_at(item)
            if order is not None:
                return number, search, order
        return None

    @property
    def blocked(self) -> list[str]:
        """The hosts off the allow-list that pages of a web task asked for."""
        output = self.result.output if self.result else None
        return list(output.get("blocked") or ()) if isinstance(output, dict) else []

    @property
    def steps(self) -> int:
        if self.result is not None:
            return self.result.steps
        started = (event for event in self.events if isinstance(event, ev.NodeStarted))
        return len({event.span for event in started if event.counted})

    @property
    def budget(self) -> list[tuple[str, float, float]]:
        """(name, used, allowed) of each limit of the run."""
        usage = self.result.usage if self.result else self.total
        used = {
            "steps": self.steps,
            "calls": usage.calls,
            "tokens": usage.input_tokens + usage.output_tokens,
            "cost": usage.cost or 0.0,
            "seconds": usage.seconds,
        }
        return [(name, used[name], allowed) for name, allowed in self.info.budget.items() if name in used]

    @property
    def kinds(self) -> list[str]:
        """The kinds of events in the run that the reader may want to hide."""
        shown = {getattr(event, "kind", "") for event in self.events}
        return sorted(shown - {"run_started", "run_resumed", "run_ended", "node_started", "node_ended"})


def timeline(events: Sequence[ev.EventBase], start: float) -> list[Span | Entry]:
    """Return the events nested in their spans. An action's beginning gives way to its end."""
    top: list[Span | Entry] = []
    spans: dict[str, Span] = {}
    begun: dict[tuple[str, str], Entry] = {}
    screen: str | None = None
    for event in events:
        at = event.time - start
        if isinstance(event, ev.NodeStarted):
            span = Span(event.span, event.node, event.step, event.counted, at)
            _items_of(event.parent, None, spans, top).append(span)
            spans[event.span] = span
        elif isinstance(event, ev.NodeEnded):
            if event.span in spans:
                spans[event.span].seconds = event.seconds
        elif isinstance(event, ev.Acted) and (event.span, event.action) in begun and event.state != "pending":
            begun.pop((event.span, event.action)).event = event
        elif isinstance(event, ev.Said) and (last := _last(event, spans, top)) is not None:
            # Pieces of one answer are one entry.
            last.event = event.model_copy(update={"text": last.event.text + event.text})  # type: ignore[attr-defined]
        else:
            if isinstance(event, ev.Observed) and event.image:
                screen = event.image
            entry = Entry(event, at, screen if isinstance(event, ev.Acted) else None)
            if isinstance(event, ev.Acted):
                begun[event.span, event.action] = entry
            _items_of(event.span, event.parent, spans, top).append(entry)
    return top


def screens(events: Iterable[ev.EventBase], start: float) -> list[Screen]:
    """Return every screenshot with the actions that followed it; actions count with their end."""
    found: list[Screen] = []
    for event in events:
        if isinstance(event, ev.Observed) and event.image:
            found.append(Screen(event.image, event.title or event.url or "", event.time - start))
        elif isinstance(event, ev.Acted) and found:
            actions = found[-1].actions
            if actions and actions[-1].state == "pending" and actions[-1].action == event.action:
                actions[-1] = event
            else:
                actions.append(event)
    return found


def questions(events: Iterable[ev.EventBase]) -> list[Asking]:
    """Return every question once, with its last answer."""
    found: dict[str, Asking] = {}
    for event in events:
        if isinstance(event, ev.Asked):
            found.setdefault(event.question.id, Asking(event.question))
        elif isinstance(event, ev.Answered) and event.id in found:
            found[event.id].answer, found[event.id].by = event.answer, event.by
    return list(found.values())


def calls(events: Iterable[ev.EventBase]) -> list[Calls]:
    """Return what each model took in each role."""
    rows: dict[tuple[str, str], Calls] = {}
    for event in events:
        if isinstance(event, ev.ModelCalled):
            row = rows.setdefault((event.role, event.model), Calls(event.role, event.model))
            row.made += 1
            row.cached += event.cached
            row.usage = row.usage + event.usage
    return list(rows.values())


def ranking(event: ev.ModelCalled | ev.Decided) -> list[tuple[str, float, float]]:
    """Return (option, score, share of the softmax of the scores) of a scoring call or a decision, best first."""
    if not event.scores:
        return []
    top = max(event.scores)
    weights = [math.exp(score - top) for score in event.scores]
    rows = zip(event.options, event.scores, (weight / sum(weights) for weight in weights), strict=False)
    return sorted(rows, key=lambda row: -row[1])


def edit_words(edit: dict[str, Any]) -> str:
    """Return an edit of attention in a few words: its name, where it acts, and its plain numbers and words."""
    words = [str(edit.get("edit", "edit"))]
    for name, value in edit.items():
        if name in ("edit", "layers", "heads") or value is None:
            continue
        if name == "factor":
            words.append(f"× {value:g}" if isinstance(value, (int, float)) else str(value))
        elif isinstance(value, dict):
            words.append(str(value.get("region") or ("a picture" if "image" in value else name)))
        elif isinstance(value, (bool, int, float)):
            words.append(f"{name} {value:g}")
        elif isinstance(value, str):
            words.append(value if name == "span" else f"{name} {value}")
    return " ".join(words)


def chips_of(events: Sequence[ev.EventBase]) -> list[tuple[str, str]]:
    """Return what happened in a few words, the most telling first."""
    chips: list[tuple[str, str]] = []
    looked = [event for event in events if isinstance(event, ev.Looked)]
    models = [event for event in events if isinstance(event, ev.ModelCalled)]
    for event in events:
        match event:
            case ev.Acted():
                chips.append((f"acted {event.state}", event.action))
            case ev.Found():
                chips.append(
                    ("found", f"found {event.evidence.label or event.evidence.source or 'evidence'}")
                )
            case ev.Observed():
                chips.append(("observed", event.title or event.url or "observed"))
            case ev.ToolCalled():
                chips.append(("tool_called", event.tool))
            case ev.Retrieved():
                chips.append(("retrieved", event.answer or "not found"))
            case ev.Recalled():
                chips.append(("recalled", f"recalled {len(event.items)}"))
            case ev.Condensed():
                chips.append(("condensed", f"condensed {event.turns} turns"))
            case ev.Decided():
                chips.append(("decided", f"decided on “{event.choice}”"))
            case ev.LookedAhead():
                chips.append(("looked_ahead", f"looked ahead to {len(event.nodes) - 1} actions"))
            case ev.Note():
                chips.append((f"note {event.level}", event.text))
            case _:
                pass
    if looked:
        chips.append(("looked", _of_looks(looked)))
    if models:
        chips.append(("model_called", _of_models(models)))
    hidden = len(chips) - MAX_CHIPS
    return chips if hidden <= 0 else [*chips[: MAX_CHIPS - 1], ("more", f"and {hidden + 1} more"), chips[-1]]


def _of_looks(events: list[ev.Looked]) -> str:
    best = max((score for event in events if (score := main_score(event.scores)) is not None), default=None)
    count = f"{len(events)} region{'s' if len(events) > 1 else ''}"
    return count if best is None else f"{count}, {'best ' if len(events) > 1 else ''}{best:.2f}"


def _of_models(events: list[ev.ModelCalled]) -> str:
    if len(events) > 1:
        return f"{len(events)} model calls"
    (event,) = events
    best: list[Any] = ranking(event)[:1]
    if best:
        return f"likeliest “{best[0][0]}”"
    return f"said “{event.reply}”" if event.reply else event.call


def _last(event: ev.Said, spans: dict[str, Span], top: list[Span | Entry]) -> Entry | None:
    """Return the entry just before, when it is a piece of the same answer."""
    items = _items_of(event.span, event.parent, spans, top)
    last = items[-1] if items else None
    return last if isinstance(last, Entry) and isinstance(last.event, ev.Said) else None


def _items_of(
    span: str | None, parent: str | None, spans: dict[str, Span], top: list[Span | Entry]
) -> list[Span | Entry]:
    for place in (span, parent):
        if place and place in spans:
            return spans[place].items
    return top
