"""A profile: a folder in which a browser keeps cookies and storage from one session to the next."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.errors import UsageError

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext

# Chromium's own: a link "host-process" that is there while it runs in the folder.
LOCK = "SingletonLock"
# What tells a profile from a folder that somebody named by mistake.
MARKS = ("Local State", "Default", "agentkit-session.json")
SESSION_COOKIES = "agentkit-session.json"


def prepare(folder: Path) -> Path:
    """Return the folder of a profile, made (for this user only) when it is not there.

    Raises ``UsageError`` for a folder that holds something else, or in which a browser runs.
    """
    folder = folder.expanduser().absolute()
    try:
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        elif not folder.is_dir() or (any(folder.iterdir()) and not any((folder / m).exists() for m in MARKS)):
            raise UsageError(
                f"{folder} is not a browser's profile", mend="name a new or an empty folder, or a profile"
            )
    except OSError as error:
        raise UsageError(f"the profile {folder} can't be used: {error.strerror or error}") from error
    refuse_locked(folder)
    return folder


def refuse_locked(folder: Path) -> None:
    """Raise ``UsageError`` when a browser has this profile open; a second one would only open a tab there."""
    try:
        host, _, process = os.readlink(folder / LOCK).rpartition("-")
    except OSError:
        # No lock, or (on Windows) none that can be read: the browser then refuses by itself.
        return
    if host == socket.gethostname() and not _alive(process):
        return
    where = f"process {process}" if host == socket.gethostname() else f"process {process} on {host}"
    raise UsageError(
        f"the profile {folder} is open in another browser ({where})", mend="close that one first"
    )


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


async def keep_session_cookies(context: BrowserContext, folder: Path) -> None:
    """Write down the cookies that a browser forgets when it is closed: a log-in by hand often is one."""
    cookies = [dict(cookie) for cookie in await context.cookies() if cookie.get("expires") == -1]
    await asyncio.to_thread(write_private, folder / SESSION_COOKIES, json.dumps(cookies))


async def give_back_session_cookies(context: BrowserContext, folder: Path) -> None:
    """Put the kept cookies back that the browser does not have. Raises ``UsageError`` when they are damaged."""
    path = folder / SESSION_COOKIES
    if not path.is_file():
        return
    try:
        kept: list[dict[str, Any]] = json.loads(await asyncio.to_thread(path.read_text, "utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}", mend="delete it, and log in again") from error
    known = {_key(cookie) for cookie in await context.cookies()}
    missing: list[Any] = [cookie for cookie in kept if _key(cookie) not in known]
    if missing:
        await context.add_cookies(missing)


def _key(cookie: Any) -> tuple[str, str, str]:
    return cookie["name"], cookie["domain"], cookie["path"]


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read; a kill leaves the old one or the new one."""
    draft = path.with_name(path.name + ".new")
    with open(draft, "w", encoding="utf-8", opener=_private) as file:
        file.write(text)
    draft.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_TRUNC, 0o600)
