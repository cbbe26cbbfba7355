"""Makes the pictures of the documentation: a search in the chat, on the embedded models.

    python -m tests.serve.screenshot docs/images

Writes ``chat.png`` (the answer with its proof) and ``chat.webp`` (the search as it goes, and where the model looks).
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageChops
from playwright.async_api import Page, ViewportSize, async_playwright

from agentkit.agents.chat.server import ChatServer, ServerConfig, create_app
from agentkit.evals.scenes import large_scene
from agentkit.tools.browser import launch

from .conftest import settings_in

SIZE: ViewportSize = {"width": 1120, "height": 860}
SEED = 100_003
FRAME = 0.35
SMALL = (840, 645)
# Frames at most, and seconds that one lasts at most.
LONGEST, SLOWEST = 36, 1.6
PATIENCE = 300_000


async def shoot(out: Path, work: Path) -> None:
    """Run the chat, ask about a picture, and keep what the page shows."""
    scene = large_scene(np.random.default_rng(SEED), 1600, 1200, distractors=4, hosts=1, glyphs=False)
    picture = work / "scene.png"
    scene.image.save(picture)
    config = ServerConfig(settings=settings_in(work), memory=work / "memory", preload=True)
    server, started = ChatServer(create_app(config), config.host, 0), asyncio.Event()
    server.on_start = started.set
    serving = asyncio.create_task(server.serve())
    await started.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    film = Film()
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        page = await browser.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE)
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.locator(".model[data-state=ready]").nth(1).wait_for()
        await page.set_input_files("#files", picture)
        await page.wait_for_selector(".slot img")
        await page.fill("#message", f"what colour is the {scene.objects[0].shape}?")
        await film.take(page)
        await page.keyboard.press("Enter")
        turn = page.locator("article.turn")
        await turn.wait_for()
        while await turn.get_attribute("data-status") == "running":
            await film.take(page)
            await asyncio.sleep(FRAME)
        # Only an answer that is proved is worth a picture.
        await turn.locator(".chip").first.hover()
        await film.take(page, still=4)
        await page.screenshot(path=out / "chat.png")
        await turn.get_by_role("button", name="Where does the model look?").click()
        await turn.locator(".gaze-word").first.click()
        await turn.locator(".gaze").scroll_into_view_if_needed()
        await film.take(page, still=4)
        await browser.close()
    server.should_exit = True
    await serving
    film.save(out / "chat.webp")


class Film:
    """Pictures of a page as it changes; one that shows nothing new lasts longer instead."""

    def __init__(self) -> None:
        self.frames: list[Pillow.Image] = []
        self.lasts: list[float] = []

    async def take(self, page: Page, still: int = 1) -> None:
        """Take a picture that lasts ``still`` times as long as others."""
        shot = Pillow.open(io.BytesIO(await page.screenshot())).convert("RGB").resize(SMALL)
        if self.frames and ImageChops.difference(shot, self.frames[-1]).getbbox() is None:
            self.lasts[-1] += still * FRAME
        else:
            self.frames.append(shot)
            self.lasts.append(still * FRAME)

    def save(self, path: Path) -> None:
        """Write the film, no longer than ``LONGEST`` frames: of many, some are left out."""
        step = -(-len(self.frames) // LONGEST)
        # The end is what the film is about.
        kept = sorted(
            {*range(0, len(self.frames), step), *range(max(0, len(self.frames) - 3), len(self.frames))}
        )
        shown = [min(self.lasts[i], SLOWEST) for i in kept]
        first, *rest = [self.frames[i] for i in kept]
        lasts = [int(1000 * seconds) for seconds in shown]
        first.save(path, save_all=True, append_images=rest, duration=lasts, loop=0, quality=55, method=6)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(shoot(Path(sys.argv[1]), Path(folder)))
