"""The embedded model on a generated scene of 15 megapixels: one look is not enough, a search is."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.agents.search import VisualSearchAgent
from agentkit.config import Settings
from agentkit.content import Box

pytest.importorskip("torch")
pytest.importorskip("skimage")

from agentkit.evals.search import SIZE, make_absent, make_item, make_scene

SEED = 10_001


async def test_mini_finds_what_one_look_does_not_see(tmp_path: Path) -> None:
    scene = make_scene(SEED)
    item = make_item(SEED, scene)
    path = tmp_path / "scene.png"
    scene.image.save(path, compress_level=1)
    agent = VisualSearchAgent("mini", settings=Settings.load(runs=tmp_path, threads=1))
    result = await agent.arun(item.question, images=[path], out=tmp_path / "run")
    assert result.status == "done"
    assert isinstance(result.output, dict)
    assert result.output["direct"]["text"] != item.answer
    assert Box(*(result.evidence[0].box or ())).iou(item.box) > 0.5
    await agent.aclose()


def test_items_have_four_options_and_a_small_target() -> None:
    for seed in (10_000, 10_001):
        scene = make_scene(seed)
        item = make_item(seed, scene)
        asked = make_absent(seed, scene).question
        assert not any(asked.endswith(f" {thing.name}?") for thing in scene.objects)
        assert item.answer in item.options
        assert len(set(item.options)) == len(item.options) in (2, 4)
        assert 0.0001 < item.box.area / (SIZE[0] * SIZE[1]) < 0.0015
