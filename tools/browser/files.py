"""The actions that read the page as a whole or handle files: extract, screenshot, upload_file."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.content import Box, Image
from agentkit.errors import ToolError

from .config import SessionConfig
from .downloads import safe_name, unused
from .effect import Effect
from .observe import observe
from .session import BrowserSession
from .target import handle_of, on_element

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle

# Tokens (of four characters) of what one extract gives.
EXTRACT_BUDGET = 8000


async def extract(session: BrowserSession, query: str = "", element: str | None = None) -> Effect:
    """Read the text of the page, or of all that an element contains, at length; ``query`` says what matters most.

    The text is in the effect's ``text``; it is the page's own, so untrusted.
    """
    if element is None:
        text = (await observe(session)).text(EXTRACT_BUDGET, query)
    else:
        handle = await handle_of(session, element)
        found = await session.script.bounded(handle.evaluate("e => e.innerText ?? e.textContent ?? ''"))
        # Before it is cut: a part of a secret gives it away.
        text = session.secrets.redact(str(found))[: EXTRACT_BUDGET * 4]
    return Effect(session.url, session.url, changed=False, text=text or "there is no text")


async def screenshot(
    session: BrowserSession, name: str = "screenshot.png", element: str | None = None
) -> Effect:
    """Keep a picture of the view, or of an element, as a PNG file in the folder for downloads."""
    folder = session.config.downloads
    if folder is None:
        raise ToolError("there is no folder for pictures", mend="open the session with downloads=FOLDER")
    if element is None:
        picture = await session.screenshot()
    elif session.secrets:
        # Of a part that is larger than the view only what is in view: where secrets stand is known there.
        picture = await session.screenshot(box=await _in_view(session, await handle_of(session, element)))
    else:
        shot = (await handle_of(session, element)).screenshot(scale="css", animations="disabled")
        picture = Image.open(await session.script.bounded(shot))
    path = await asyncio.to_thread(_keep, folder, name, picture.data)
    session.events.add("download", f"kept a picture as {path.name}", path=str(path))
    return Effect(session.url, session.url, changed=False, downloads=(path.name,), text=f"kept {path.name}")


async def upload_file(session: BrowserSession, element: str, file: str | tuple[str, ...]) -> Effect:
    """Give a file to a file field, or to the button that asks for one.

    ``file`` is the name of a file that the user allowed (``uploads``) or that was downloaded in this session.
    """
    paths = [_allowed(session, name) for name in ((file,) if isinstance(file, str) else file)]

    async def act(handle: ElementHandle) -> None:
        if await handle.evaluate("e => e.tagName === 'INPUT' && e.type === 'file'"):
            await handle.set_input_files(paths)
            return
        limit: Any = session.config.action_timeout * 1000
        async with session.page.expect_file_chooser(timeout=limit) as asked:
            await handle.click()
        await (await asked.value).set_files(paths)

    effect = await on_element(session, element, act)
    return replace(effect, text=f"gave {', '.join(path.name for path in paths)}; {effect.text}")


def uploadable(config: SessionConfig) -> dict[str, Path]:
    """Return the files that may be given to a page, by name: those the user named, and what was downloaded."""
    downloaded = sorted(config.downloads.iterdir()) if config.downloads and config.downloads.is_dir() else []
    return {path.name: path for path in [*downloaded, *config.uploads] if path.is_file()}


def _allowed(session: BrowserSession, name: str) -> Path:
    """Return the file of a name, among those that may be uploaded. Raises ``ToolError`` for any other."""
    known = uploadable(session.config)
    named = {str(path): path for path in session.config.uploads if path.is_file()}
    found = known.get(name) or named.get(name)
    if found is None:
        raise ToolError(f"{name!r} may not be uploaded; these may: {', '.join(sorted(known)) or 'none'}")
    return found


async def _in_view(session: BrowserSession, handle: ElementHandle) -> Box:
    await session.script.bounded(handle.scroll_into_view_if_needed())
    box = await session.script.bounded(handle.bounding_box())
    if box is None:
        raise ToolError("it has no place on the page")
    whole = Box(box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    return whole.clip(Box(0, 0, *session.config.viewport))


def _keep(folder: Path, name: str, data: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = unused(folder / Path(safe_name(name)).with_suffix(".png"))
    path.write_bytes(data)
    return path
