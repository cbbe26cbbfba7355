"""An action as data: what to do, to which element, with which value; and which actions can't be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from agentkit.errors import ToolError, UsageError

from .deeds import deed_at, deed_in
from .snapshot import Element, Snapshot


@dataclass(frozen=True)
class Descriptor:
    """What an element is, apart from its id: enough to find it again on a fresh page.

    ``nth`` counts from 0 among the elements of the same role, name, tag and frame, in reading order.
    """

    role: str
    name: str
    tag: str
    nth: int = 0
    frame: str = ""

    @classmethod
    def of(cls, snapshot: Snapshot, element: Element) -> Descriptor:
        """Describe an element of a snapshot."""
        twins = [other.id for other in snapshot.elements if _same(other, element)]
        return cls(element.role, element.name, element.tag, twins.index(element.id), element.frame)

    def find(self, snapshot: Snapshot) -> Element:
        """Return the element that this describes.

        Without an exact match, a unique element of the same role and name will do (a frame's URL may
        change from visit to visit). Raises ``ToolError`` when there is none.
        """
        exact = [e for e in snapshot.elements if _same(e, self)]
        if self.nth < len(exact):
            return exact[self.nth]
        close = [e for e in snapshot.elements if (e.role, e.name) == (self.role, self.name)]
        if len(close) == 1 and not exact:
            return close[0]
        raise ToolError(
            f"there is no {self.role} {self.name!r} (number {self.nth + 1}) on the page {snapshot.url}"
        )


def _same(a: Element | Descriptor, b: Element | Descriptor) -> bool:
    return (a.role, a.name, a.tag, a.frame) == (b.role, b.name, b.tag, b.frame)


@dataclass(frozen=True)
class Action:
    """One action.

    ``element`` is an id of the snapshot it was decided on; ``target`` describes that element for a replay.
    ``to`` and ``to_target`` are the second element of ``drag_and_drop``. ``dialog`` is the answer to the dialog that the
    action opens, as ``answer_dialog`` takes it (None: dismissed). ``value`` is the text, key, option,
    URL, file, amount or coordinates (see the function of the same name in ``actions``). Which names there are is an
    ``ActionSet``'s to say.
    """

    name: str
    element: str | None = None
    value: str | tuple[str, ...] | None = None
    to: str | None = None
    target: Descriptor | None = None
    to_target: Descriptor | None = None
    dialog: str | None = None

    @classmethod
    def on(
        cls,
        snapshot: Snapshot,
        name: str,
        element: str | None = None,
        value: str | tuple[str, ...] | None = None,
        to: str | None = None,
    ) -> Action:
        """Return an action with its elements described. Raises ``ToolError`` for an unknown id."""
        return cls(name, element, value, to, _described(snapshot, element), _described(snapshot, to))

    def describe(self) -> str:
        """Return the action in words: ``click e12 button 'Submit'``."""
        words = [self.name, *_subject(self.element, self.target)]
        if self.value is not None:
            words.append(" | ".join(self.value) if isinstance(self.value, tuple) else repr(self.value))
        if self.to or self.to_target:
            words += ["to", *_subject(self.to, self.to_target)]
        if self.dialog is not None:
            words += ["with its dialog answered:", repr(self.dialog)]
        return " ".join(words)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data without empty fields."""
        data = {key: value for key, value in asdict(self).items() if value is not None}
        if isinstance(self.value, tuple):
            data["value"] = list(self.value)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Action:
        """Return the action of ``to_json``. Raises ``UsageError`` for anything else."""
        try:
            fields = dict(data)
            if isinstance(fields.get("value"), list):
                fields["value"] = tuple(fields["value"])
            for key in ("target", "to_target"):
                if fields.get(key) is not None:
                    fields[key] = Descriptor(**fields[key])
            action = cls(**fields)
        except (TypeError, ValueError) as error:
            raise UsageError(f"this is not an action: {error}") from error
        if not isinstance(action.name, str) or not action.name.isidentifier():
            raise UsageError(f"{action.name!r} is no name of an action")
        return action


def _described(snapshot: Snapshot, id: str | None) -> Descriptor | None:
    return None if id is None else Descriptor.of(snapshot, snapshot.get(id))


def _subject(id: str | None, target: Descriptor | None) -> list[str]:
    words = [id] if id else []
    if target is not None:
        words.append(f"{target.role} {target.name!r}" if target.name else target.role)
    return words


# ---- what can't be undone ----

_ACTIVATING = frozenset({"Enter", "NumpadEnter", "Space", " "})
_BUTTONS = frozenset({"button", "clickable", "shape", "menuitem"})
_ACTING_ROLES = frozenset({"button", "link", "menuitem", "clickable", "shape", "option", "tab", "switch"})


def irreversible(snapshot: Snapshot, action: Action, *, sandbox: bool = False) -> str | None:
    """Return why an action may be irreversible, or None when nothing suggests it.

    A conservative rule on what the page says of itself: submitting a form that does not GET (by its button
    or by Enter in one of its fields), a button, link or other clickable element whose name has a word such
    as pay, send, delete, order or book (``deeds``: in many languages) or that marks itself as sending, a button
    where details of a payment are filled in, a link to an address such as ``/delete``, accepting a dialog,
    reloading (a POST may be sent again), and coordinates whose element is not known. A page can lie about all of
    it; the allow-list is what holds. ``sandbox`` declares that nothing on the page is real.
    """
    if sandbox:
        return None
    if action.dialog not in (None, "dismiss"):
        return "accepts a dialog"
    if action.name == "answer_dialog":
        return "accepts a dialog" if action.value != "dismiss" else None
    if action.name == "reload":
        return "may send a form again"
    if action.name in ("click_at", "dblclick_at", "drag"):
        return _at_point(snapshot, action)
    element = _acted_on(snapshot, action)
    if element is None:
        return None
    if action.name in ("click", "dblclick"):
        return _clicked(element) or _paying(element, snapshot)
    text = action.value if isinstance(action.value, str) else ""
    keyed = action.name == "press" and text.rpartition("+")[2] in _ACTIVATING
    if keyed or (action.name == "type" and "\n" in text):
        return _pressed(element) or _paying(element, snapshot)
    return None


def _acted_on(snapshot: Snapshot, action: Action) -> Element | None:
    """Return the element of an action, by its description before its id (which another page may use too)."""
    if action.target is not None:
        try:
            return action.target.find(snapshot)
        except ToolError:
            return Element("", action.target.role, action.target.name, action.target.tag)
    if action.element is not None:
        return snapshot.get(action.element) if action.element in snapshot else None
    return next((e for e in snapshot.elements if "focused" in e.states), None)


def _clicked(element: Element) -> str | None:
    if element.submits and element.form not in ("get", "dialog"):
        return f"submits a form by {element.form.upper()}"
    word = deed_in(element.name) if element.role in _ACTING_ROLES else None
    if word:
        return f"its name says {word.lower()!r}"
    word = deed_at(element.href)
    return f"its address says {word.lower()!r}" if word else None


def _paying(element: Element, snapshot: Snapshot) -> str | None:
    """Say that a button stands where details of a payment are filled in, whatever its name."""
    if element.role not in _BUTTONS and element.tag != "input":
        return None
    paid = next((e for e in snapshot.elements if "payment" in e.states and e.value), None)
    return f"the page holds details of a payment ({paid.name or paid.role})" if paid else None


def _pressed(element: Element) -> str | None:
    field = element.tag == "input" and element.role not in ("checkbox", "radio", "button")
    if field and element.form not in ("", "get", "dialog"):
        return f"Enter in a form that submits by {element.form.upper()}"
    return _clicked(element)


def _at_point(snapshot: Snapshot, action: Action) -> str | None:
    x, y = point_of(action.value)[:2]
    under = [e for e in snapshot.elements if e.box.left <= x < e.box.right and e.box.top <= y < e.box.bottom]
    reasons = [reason for e in under if (reason := _clicked(e) or _paying(e, snapshot))]
    return reasons[0] if reasons else None if under else "a place without a known element"


def point_of(value: str | tuple[str, ...] | None) -> tuple[float, ...]:
    """Return the numbers of ``"x,y"`` or ``"x,y,x2,y2"``. Raises ``ToolError`` for anything else."""
    text = value if isinstance(value, str) else ",".join(value or ())
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (2, 4):
        raise ToolError(f"coordinates are x,y (or x,y,x2,y2 for a drag), not {text!r}")
    return numbers


# Bound to pixels of a page that may look different, or to tabs, dialogs and files that may not come again.
_BOUND = frozenset(
    [
        "click_at",
        "dblclick_at",
        "hover_at",
        "drag",
        "new_tab",
        "switch_tab",
        "close_tab",
        "answer_dialog",
        "upload_file",
        "screenshot",
    ]
)


def replayable(action: Action) -> bool:
    """Say whether an action can be repeated on a fresh page without asking.

    Whether a repetition does harm is ``irreversible``'s question.
    """
    return action.name not in _BOUND
