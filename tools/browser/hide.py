"""Takes the secrets of a session out of what leaves it: snapshots, effects, errors."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from agentkit.errors import ToolError

from .secrets import placeholder
from .snapshot import Element, Line, Snapshot

if TYPE_CHECKING:
    from .effect import Effect
    from .session import BrowserSession

T = TypeVar("T")


def hide_in_snapshot(session: BrowserSession, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot with placeholders for secrets; a password field tells which one it was given."""
    secrets = session.secrets
    if not secrets:
        return snapshot
    redact = secrets.redact
    lines = tuple(
        Line(tuple(redact(part) if isinstance(part, str) else part for part in line.parts))
        for line in snapshot.lines
    )
    elements = tuple(_hide_in_element(session, element) for element in snapshot.elements)
    return replace(
        snapshot,
        url=redact(snapshot.url),
        title=redact(snapshot.title),
        elements=elements,
        lines=lines,
        _index={},
    )


def _hide_in_element(session: BrowserSession, element: Element) -> Element:
    redact = session.secrets.redact
    value = element.value and redact(element.value)
    place = session.ids.place(int(element.id[1:]))
    held = place and session.secrets.held.get((place.document, place.local))
    if held and value and "password" in element.states:
        value = placeholder(held)
    return replace(
        element,
        name=redact(element.name),
        value=value,
        options=tuple(map(redact, element.options)),
        href=redact(element.href),
        group=redact(element.group),
        frame=redact(element.frame),
    )


def hide_in_effect(session: BrowserSession, effect: Effect) -> Effect:
    """Return an effect with placeholders for secrets."""
    if not session.secrets:
        return effect
    redact = session.secrets.redact
    return replace(
        effect,
        url_before=redact(effect.url_before),
        url_after=redact(effect.url_after),
        dialogs=tuple(map(redact, effect.dialogs)),
        blocked=tuple(map(redact, effect.blocked)),
        downloads=tuple(map(redact, effect.downloads)),
        text=redact(effect.text),
    )


async def hiding(session: BrowserSession, work: Awaitable[T]) -> T:
    """Await something of a session; an error of it has placeholders for secrets and leaves its cause behind.

    The cause may hold a call's arguments.
    """
    try:
        return await work
    except ToolError as error:
        if not session.secrets:
            raise
        raise type(error)(session.secrets.redact(str(error))) from None
