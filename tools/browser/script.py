"""The script that runs in every document, and how Python talks to it."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from agentkit.errors import ToolError

if TYPE_CHECKING:
    from playwright.async_api import Frame

    from .ids import Place

_MISSING = "agentkit: no page script"


class PageScript:
    """``page.js`` and ``snapshot.js`` under a name that no page can know beforehand.

    ``source`` is installed before the page's own scripts. Every call is bounded by ``limit`` seconds and
    raises ``ToolError`` when the page does not respond or went away.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._key = json.dumps("__" + secrets.token_hex(8))
        key = self._key
        look = f"window[{key}].snapshot = (options) => ({_read('snapshot.js')})(window[{key}], options)"
        self.source = f"(() => {{ if (!window[{key}]) {{ ({_read('page.js')})({key}); {look}; }} }})()"

    async def run(self, frame: Frame, expression: str, argument: Any = None) -> Any:
        """Evaluate a JavaScript expression of ``kit`` (what ``page.js`` keeps) and ``arg`` in a frame."""
        code = f"(arg) => {{ const kit = window[{self._key}]; return kit ? {expression} : {_MISSING!r}; }}"
        value = await self.bounded(frame.evaluate(code, argument))
        if value == _MISSING:
            # A document that was there before the session, or a frame that a script wrote.
            await self.bounded(frame.evaluate(self.source))
            value = await self.bounded(frame.evaluate(code, argument))
        return value

    async def handle(self, place: Place) -> Any:
        """Return the element handle of a place, or None when the element or its document went away."""
        code = f"([born, id]) => {{ const kit = window[{self._key}]; return kit?.born === born ? kit.get(id) : null }}"
        found = await self.bounded(place.frame.evaluate_handle(code, [place.document, place.local]))
        return found.as_element()

    async def bounded(self, work: Any) -> Any:
        """Await something from the page within the time limit."""
        from playwright.async_api import Error

        try:
            async with asyncio.timeout(self._limit):
                return await work
        except TimeoutError:
            message = f"the page did not respond within {self._limit:g} s"
            raise ToolError(message, mend="wait, or open another page") from None
        except Error as error:
            raise ToolError(f"the page can't be read: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error, without Playwright's call name."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\w+\.\w+: ", "", line)


def _read(name: str) -> str:
    text = files("agentkit.tools.browser").joinpath(name).read_text("utf-8")
    return text.strip().rstrip(";")
