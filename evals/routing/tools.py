"""The tools of the evaluation's user: what the ability ``tool`` is described by."""

from __future__ import annotations

from agentkit.errors import ToolError
from agentkit.toolset import Toolset

from ...agents.research.arithmetic import calculate
from ...tools.clock import now

# Metres, kilograms, litres and metres a second of one unit.
UNITS: dict[str, tuple[str, float]] = {
    "m": ("length", 1.0),
    "cm": ("length", 0.01),
    "km": ("length", 1000.0),
    "in": ("length", 0.0254),
    "ft": ("length", 0.3048),
    "mi": ("length", 1609.344),
    "g": ("weight", 0.001),
    "kg": ("weight", 1.0),
    "oz": ("weight", 0.028349523125),
    "lb": ("weight", 0.45359237),
    "l": ("volume", 1.0),
    "gal": ("volume", 3.785411784),
    "km/h": ("speed", 1 / 3.6),
    "mph": ("speed", 0.44704),
}


def convert(amount: float, unit: str, wanted: str) -> float:
    """Return an amount in another unit of length, weight, volume, speed or temperature.

    Args:
        amount: How much.
        unit: Its unit, as in km, lb or F.
        wanted: The unit to have it in.
    """
    if {unit, wanted} == {"C", "F"}:
        return amount * 1.8 + 32 if unit == "C" else (amount - 32) / 1.8
    if unit not in UNITS or wanted not in UNITS or UNITS[unit][0] != UNITS[wanted][0]:
        raise ToolError(f"{unit} can't be converted to {wanted}", mend=", ".join([*UNITS, "C", "F"]))
    return amount * UNITS[unit][1] / UNITS[wanted][1]


class Tasks:
    """A to-do list."""

    def __init__(self) -> None:
        self.tasks: list[str] = []

    def add_task(self, text: str) -> str:
        """Add a task to the user's to-do list.

        Args:
            text: What is to be done.
        """
        self.tasks.append(text)
        return f"{len(self.tasks)} tasks"


def tools() -> Toolset:
    """Return the tools, with a new to-do list."""
    return Toolset([now, calculate, convert, Tasks().add_task])
