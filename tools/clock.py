"""The date and the time, as a tool."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agentkit.errors import ToolError
from agentkit.toolset import tool


@tool(read=True)
def now(zone: str | None = None) -> str:
    """Return the current date, time and weekday.

    Args:
        zone: IANA name of a time zone, as in Europe/Vienna; the user's own when left out.
    """
    try:
        here = datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ToolError(f"there is no time zone {zone!r}", mend="as in Europe/Vienna") from error
    return f"{here:%A} {here.isoformat(timespec='seconds')}"
