"""MiniWoB++ over local HTTP, with the pages of the ``miniwob`` package."""

from .server import MiniWobServer
from .task import MiniWobTask, session_config
from .tasks import ALL64, DEMONSTRATED, SIMPLE, SUBSETS, UNDEMONSTRATED, tasks_of

__all__ = [
    "ALL64",
    "DEMONSTRATED",
    "SIMPLE",
    "SUBSETS",
    "UNDEMONSTRATED",
    "MiniWobServer",
    "MiniWobTask",
    "session_config",
    "tasks_of",
]
