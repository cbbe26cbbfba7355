"""A search in a picture of 100 megapixels: what it needs of memory, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rapidocr")
pytest.importorskip("rapidfuzz")

GB = 2**30
SCRIPT = """
import asyncio, json, sys
from PIL import Image as Pillow, ImageDraw, ImageFont
from agentkit.agents.search import Eyes, VStar, VStarConfig
from agentkit.agents.search.cues import ModelCue
from agentkit.agents.search.grid import Grid
from agentkit.agents.search.experts import ModelExpert, TemplateExpert, TextExpert
from agentkit.content import Box, Image
from agentkit.agents.search.eyes import Crops
from search_oracle import Oracle

class Looking(Oracle):
    # Unlike the oracle it decodes what it is shown, as every model does.
    def answer(self, image, question):
        _ = image.pixels.getpixel((0, 0))
        return super().answer(image, question)

def peak():
    # ru_maxrss would be that of the process this one was forked from, when that one was larger.
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

async def search(expert, about, scan=False):
    strategy = Grid(eyes, expert, VStarConfig.for_input(128)) if scan else VStar(ModelCue(eyes), expert)
    tree = strategy.start(image.sha256, image.size, about)
    while not tree.done:
        await strategy.step(tree)
    return tree

page = Pillow.new("RGB", (10_000, 10_000), (236, 236, 230))
ImageDraw.Draw(page).text((8123, 9100), "Gate 17", font=ImageFont.load_default(18), fill="black")
page.save(sys.argv[1])
del page
image = Image.open(sys.argv[1])
icon = Image.of_pixels(image.crop(Box(8080, 9060, 8240, 9160)).pixels)
opened = peak()
eyes = Eyes(Looking(), image, crops=Crops())
asyncio.run(search(ModelExpert(eyes), "green star", scan=True))
looks = eyes.looks
searched = peak()
read = asyncio.run(search(TextExpert(eyes), 'the sign "Gate 17"'))
texted = peak()
matched = asyncio.run(search(TemplateExpert(eyes, icon), "the sign"))
print(json.dumps({
    "opened": opened, "searched": searched, "texted": texted, "matched": peak(), "looks": looks,
    "held": eyes.crops.held, "finds": [[list(f.box), f.text] for t in (read, matched) for f in t.finds],
}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_a_hundred_megapixels_need_less_than_two_gigabytes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "page.jpg")],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["looks"] > 60
    assert seen["held"] <= 16_000_000
    # What was decoded for the regions that were looked at is not kept: all of them make more than the picture.
    assert seen["searched"] - seen["opened"] < 0.5 * GB, seen
    assert seen["matched"] < 2 * GB, seen
    assert len(seen["finds"]) == 2
    assert seen["finds"][0][1] == "Gate 17"
    for box, _ in seen["finds"]:
        assert 8070 < box[0] < 8140
        assert 9050 < box[1] < 9115
