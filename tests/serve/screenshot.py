"""Makes the pictures of the documentation: a search in the chat, on the embedded models.

    python -m tests.serve.screenshot docs/images

Writes ``chat.png`` (the end) and ``chat.webp`` (the search as it goes, animated).
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from playwright.async_api import ViewportSize, async_playwright

from agentkit.agents.chat.server import ChatServer, ServerConfig, create_app
from agentkit.evals.scenes import large_scene
from agentkit.tools.browser import launch

from .conftest import settings_in

SIZE: ViewportSize = {"width": 1120, "height": 860}
SEED = 100_003
FRAME = 0.35


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
    frames: list[Pillow.Image] = []
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        page = await browser.new_page(viewport=SIZE)
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.locator(".model[data-state=ready]").nth(1).wait_for(timeout=120_000)
        await page.set_input_files("#files", picture)
        await page.wait_for_selector(".slot img")
        await page.fill("#message", f"what colour is the {scene.objects[0].shape}?")
        await page.keyboard.press("Enter")
        turn = page.locator("article.turn")
        while await turn.get_attribute("data-status") in (None, "running"):
            frames.append(Pillow.open(io.BytesIO(await page.screenshot())).convert("RGB"))
            await asyncio.sleep(FRAME)
        chip = turn.locator(".chip").first
        if await chip.count():
            await chip.hover()
        await page.screenshot(path=out / "chat.png")
        frames += [Pillow.open(out / "chat.png").convert("RGB")] * 4
        await browser.close()
    server.should_exit = True
    await serving
    small = [frame.resize((840, 645)) for frame in frames]
    small[0].save(
        out / "chat.webp",
        save_all=True,
        append_images=small[1:],
        duration=int(FRAME * 1000),
        loop=0,
        quality=55,
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(shoot(Path(sys.argv[1]), Path(folder)))
