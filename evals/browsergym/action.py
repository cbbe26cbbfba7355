"""The web agent's actions as BrowserGym's action strings (``HighLevelActionSet``)."""

from __future__ import annotations

from agentkit.errors import ToolError

from ...tools.browser import Action
from .observation import Bids

# What an action set must offer for all of the agent's actions to have a string.
SUBSETS = ("chat", "infeas", "bid", "nav", "tab", "coord")
# How far a scroll goes, in pixels: nine tenths of BrowserGym's view of 720, or further than any page.
VIEW, END = 648, 1_000_000
SCROLLS = {
    "up": (0, -VIEW),
    "down": (0, VIEW),
    "left": (-VIEW, 0),
    "right": (VIEW, 0),
    "top": (0, -END),
    "bottom": (0, END),
}
_CLICKS = {"click": "click", "check": "click", "uncheck": "click", "dblclick": "dblclick"}
_PLAIN = {"hover": "hover", "focus": "focus", "clear": "clear"}
_PAGE = {"back": "go_back()", "forward": "go_forward()", "close_tab": "tab_close()", "wait": "noop()"}


def action_string(action: Action, bids: Bids) -> str:
    """Return an action as a call in text. Raises ``ToolError`` for one that BrowserGym does not have."""
    value = action.value
    if action.element is None:
        return _on_page(action)
    bid = bids.bid_of(action.element)
    if action.name in _CLICKS or action.name in _PLAIN:
        return f"{(_CLICKS | _PLAIN)[action.name]}({bid!r})"
    if action.name in ("fill", "type"):
        return f"fill({bid!r}, {_one(value)!r})"
    if action.name == "press":
        return f"press({bid!r}, {_one(value)!r})"
    if action.name == "select_option":
        chosen = list(value) if isinstance(value, tuple) else value
        return f"select_option({bid!r}, {chosen!r})"
    if action.name == "drag_and_drop" and action.to is not None:
        return f"drag_and_drop({bid!r}, {bids.bid_of(action.to)!r})"
    if action.name == "scroll":
        return _scroll(value)
    raise ToolError(f"BrowserGym has no action for {action.name} on an element")


def say(text: str) -> str:
    """Return the action that sends the user a message."""
    return f"send_msg_to_user({text!r})"


def infeasible(reason: str) -> str:
    """Return the action that gives up with a reason."""
    return f"report_infeasible({reason!r})"


def _on_page(action: Action) -> str:
    value = _one(action.value)
    if action.name in _PAGE:
        return _PAGE[action.name]
    if action.name == "goto":
        return f"goto({value!r})"
    if action.name == "press":
        return f"keyboard_press({value!r})"
    if action.name == "type":
        return f"keyboard_type({value!r})"
    if action.name == "scroll":
        return _scroll(action.value)
    if action.name == "switch_tab" and value.isdecimal():
        return f"tab_focus({value})"
    if action.name == "click_at":
        return f"mouse_click({value})"
    if action.name == "drag":
        return f"mouse_drag_and_drop({value})"
    raise ToolError(f"BrowserGym has no action for {action.name}")


def _scroll(value: str | tuple[str, ...] | None) -> str:
    text = _one(value) or "down"
    if text.lstrip("+-").isdigit():
        return f"scroll(0, {int(text)})"
    across, down = SCROLLS.get(text, (0, VIEW))
    return f"scroll({across}, {down})"


def _one(value: str | tuple[str, ...] | None) -> str:
    return " ".join(value) if isinstance(value, tuple) else value or ""
