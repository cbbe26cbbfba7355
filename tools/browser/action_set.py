"""Which actions there are: plain functions by name. A subset is a list; another function is another action."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from agentkit.errors import ToolError, UsageError

from . import actions
from .action import Action, Descriptor
from .effect import Effect
from .hide import hide_in_effect, hiding
from .observe import observe
from .session import BrowserSession
from .snapshot import Element

Function = Callable[..., Awaitable[Effect]]
_IDS = ("element", "to")


class ActionSet(Mapping[str, Function]):
    """Actions by name, made from async functions with a docstring.

    A function's first parameter is the session. Parameters named ``element`` and ``to`` take ids of the last
    observation; at most one other takes the action's value (text). A parameter with a default may be left out. ::

        async def mute(session: BrowserSession, element: str) -> Effect:
            \"\"\"Mute a video.\"\"\"
            ...

        actions = ActionSet.of(click, fill, mute)
        await actions.perform(session, Action.on(page, "mute", "e7"))

    Raises ``UsageError`` for a function that can't be an action.
    """

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = dict(functions)
        self._takes = {name: _takes(name, function) for name, function in functions.items()}

    @classmethod
    def of(cls, *functions: Function, **named: Function) -> ActionSet:
        """Return the set of some functions under their own names, or under the names given."""
        own = {getattr(function, "__name__", ""): function for function in functions}
        return cls({**own, **named})

    def __getitem__(self, name: str) -> Function:
        return self._functions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    def only(self, names: Iterable[str]) -> ActionSet:
        """Return a subset. Raises ``UsageError`` for a name that is not in this set."""
        wanted = list(names)
        if unknown := [name for name in wanted if name not in self]:
            raise UsageError(f"there is no action {unknown[0]!r}", mend="one of " + ", ".join(sorted(self)))
        return ActionSet({name: self[name] for name in wanted})

    def __or__(self, other: Mapping[str, Function]) -> ActionSet:
        return ActionSet({**self, **other})

    def takes(self, name: str) -> Mapping[str, bool]:
        """Return the parameters of an action after the session, with whether each must be given."""
        return self._takes[name]

    def describe(self) -> str:
        """Return the actions for a prompt, a line each: how it is called, and the first line of its docstring."""
        return "\n".join(f"{_call(name, self._takes[name])}: {_first(self[name])}" for name in self)

    def check(self, action: Action) -> None:
        """Raise ``UsageError`` for an action that is not of this set, or whose parts do not fit its function."""
        if action.name not in self:
            raise UsageError(f"there is no action {action.name!r}", mend="one of " + ", ".join(sorted(self)))
        takes = self._takes[action.name]
        given = {"element": action.element or action.target, "to": action.to or action.to_target}
        for part in _IDS:
            if given[part] is not None and part not in takes:
                raise UsageError(f"{action.name} takes no {part}")
            if given[part] is None and takes.get(part):
                raise UsageError(
                    f"{action.name} needs {'an element' if part == 'element' else 'a place to go to'}"
                )
        value = next((part for part in takes if part not in _IDS), None)
        if action.value is not None and value is None:
            raise UsageError(f"{action.name} takes no value")
        if action.value is None and value is not None and takes[value]:
            raise UsageError(f"{action.name} needs a value ({value})")

    async def perform(self, session: BrowserSession, action: Action) -> Effect:
        """Do an action on the page it was decided on: elements are found by their ids.

        Raises ``ToolError`` with what went wrong, for the model to see.
        """
        try:
            self.check(action)
        except UsageError as error:
            raise ToolError(error.message, mend=error.mend) from error
        value = next((part for part in self._takes[action.name] if part not in _IDS), "")
        parts: dict[str, Any] = {"element": action.element, "to": action.to, value: action.value}
        if (action.target and not action.element) or (action.to_target and not action.to):
            raise ToolError(f"{action.describe()} names no element of this page", mend="replay it")
        given = {k: v for k, v in parts.items() if k and v is not None}
        if action.dialog is None:
            return hide_in_effect(session, await hiding(session, self[action.name](session, **given)))
        await actions.answer_dialog(session, action.dialog)
        try:
            return hide_in_effect(session, await hiding(session, self[action.name](session, **given)))
        finally:
            # The answer was meant for this action's dialog.
            session.next_dialog = None

    async def replay(self, session: BrowserSession, action: Action) -> Effect:
        """Do a journalled action on a fresh page: elements are found by their descriptions, not their ids."""
        element, to = action.element, action.to
        if action.target is not None:
            element = (await resolve(session, action.target)).id
        elif element is not None:
            raise ToolError(f"{action.describe()} can't be replayed: its element was not described")
        if action.to_target is not None:
            to = (await resolve(session, action.to_target)).id
        return await self.perform(session, replace(action, element=element, to=to))


def _takes(name: str, function: Function) -> dict[str, bool]:
    """Return the parameters of a function after the session, with whether each must be given."""
    if not name.isidentifier() or not inspect.iscoroutinefunction(function) or not inspect.getdoc(function):
        raise UsageError(f"{name or function!r} is no action", mend="an async function with a docstring")
    parameters = list(inspect.signature(function).parameters.values())[1:]
    takes = {p.name: p.default is p.empty for p in parameters}
    if len([part for part in takes if part not in _IDS]) > 1:
        raise UsageError(
            f"the action {name} has more than one value", mend="element, to and one other parameter"
        )
    return takes


def _call(name: str, takes: Mapping[str, bool]) -> str:
    return f"{name}({', '.join(part if needed else f'{part}?' for part, needed in takes.items())})"


def _first(function: Function) -> str:
    return (inspect.getdoc(function) or "").splitlines()[0]


# All of them, under the names of ``Action``.
ACTIONS = ActionSet(
    {"type" if name == "type_text" else name: getattr(actions, name) for name in actions.__all__}
)


async def perform(session: BrowserSession, action: Action) -> Effect:
    """Do one of ``ACTIONS`` on the page it was decided on (see ``ActionSet.perform``)."""
    return await ACTIONS.perform(session, action)


async def replay(session: BrowserSession, action: Action) -> Effect:
    """Do one of ``ACTIONS`` on a fresh page (see ``ActionSet.replay``)."""
    return await ACTIONS.replay(session, action)


async def resolve(session: BrowserSession, descriptor: Descriptor) -> Element:
    """Find a described element on the page as it is now. Raises ``ToolError`` when it is not there."""
    return descriptor.find(await observe(session))
