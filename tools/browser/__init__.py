"""A real browser as a tool: sessions behind an allow-list, snapshots of pages, actions on them."""

from .action import Action, Descriptor, irreversible, replayable
from .action_set import ACTIONS, ActionSet, perform, replay, resolve
from .allow import AllowList
from .config import SessionConfig
from .effect import Effect
from .events import BrowserEvent
from .launch import find_browser, launch
from .marks import draw_marks
from .observe import observe
from .secrets import Secret
from .session import BrowserSession
from .snapshot import Change, Element, Line, Snapshot

__all__ = [
    "ACTIONS",
    "Action",
    "ActionSet",
    "AllowList",
    "BrowserEvent",
    "BrowserSession",
    "Change",
    "Descriptor",
    "Effect",
    "Element",
    "Line",
    "Secret",
    "SessionConfig",
    "Snapshot",
    "draw_marks",
    "find_browser",
    "irreversible",
    "launch",
    "observe",
    "perform",
    "replay",
    "replayable",
    "resolve",
]
