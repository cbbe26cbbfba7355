"""A detector as an expert and as a cue."""

from __future__ import annotations

import math

import pytest
from PIL import Image as Pillow
from search_oracle import Oracle

from agentkit.agents.search import Eyes, FocusTree, VStar
from agentkit.agents.search.experts import DetectorExpert
from agentkit.agents.search.geometry import split
from agentkit.content import Box, Image
from agentkit.errors import UsageError
from agentkit.tools.vision.detector import Detection

pytest.importorskip("torch")

from tiny_detectors import KINDS, save_detector

IMAGE = Image.of_pixels(Pillow.new("RGB", (1600, 1200), "white"))
TARGET = Box(1210, 130, 1240, 160)


class Sharp:
    """A detector that sees the target where it is at least a fiftieth of the view, twice."""

    threshold = 0.1

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, images, thing):
        self.batches.append(len(images))
        return [self._one(image) if thing == "star" else [] for image in images]

    def _one(self, image):
        if TARGET.clip(image.box) != TARGET or TARGET.width * 50 < image.box.width:
            return []
        score = min(0.9, 20 * TARGET.width / image.box.width)
        return [Detection(TARGET, score), Detection(TARGET.grow(1.2), score * 0.8)]


async def test_its_boxes_are_finds_and_its_scores_are_heat():
    eyes, sharp = Eyes(Oracle(), IMAGE), Sharp()
    expert = DetectorExpert(eyes, sharp, sure=0.6)
    tree = FocusTree(IMAGE.sha256, IMAGE.size, "star")
    assert await expert.find(tree.root) == []
    assert tree.root.scores["exists"] == 0.0
    parts = [tree.add(tree.root, box) for box in split(tree.root.box)]
    heat = await expert.target(tree.root, parts)
    assert heat.peak == pytest.approx(math.log(0.6 / 0.4) - math.log(0.1 / 0.9), rel=0.3)
    assert heat.normalised().share(parts[1].box) == pytest.approx(1.0)
    assert [part.scores["exists"] > 0 for part in parts] == [False, True, False, False]
    (found,) = await expert.find(parts[1])
    assert found.box == TARGET
    # What was seen as a part is not looked at again when it is visited.
    assert sharp.batches == [1, 4]
    assert eyes.looks == 5
    assert (await expert.context(tree.root)).cells == ()
    with pytest.raises(UsageError):
        DetectorExpert(eyes, sharp, sure=1.0)


async def test_a_score_that_is_sure_is_one_half():
    tree = FocusTree(IMAGE.sha256, IMAGE.size, "star")
    node = tree.add(tree.root, Box(1000, 0, 1600, 600))
    score = Sharp()._one(IMAGE.crop(Eyes(Oracle(), IMAGE).view(node.box)))[0].score
    (found,) = await DetectorExpert(Eyes(Oracle(), IMAGE), Sharp(), sure=score).find(node)
    assert found.confidence == pytest.approx(0.5)


async def test_v_star_finds_with_it_what_it_does_not_see_at_once():
    eyes = Eyes(Oracle(), IMAGE)
    both = DetectorExpert(eyes, Sharp(), sure=0.3)
    strategy = VStar(both, both)
    tree = strategy.start(IMAGE.sha256, IMAGE.size, "star")
    while not tree.done:
        await strategy.step(tree)
    assert tree.finds[0].box == TARGET
    absent = strategy.start(IMAGE.sha256, IMAGE.size, "circle")
    while not absent.done:
        await strategy.step(absent)
    assert absent.finds == []


@pytest.mark.parametrize("kind", KINDS)
async def test_real_architectures_through_the_maker(kind, tmp_path):
    make = DetectorExpert.maker(f"hf:{save_detector(kind, tmp_path / kind)}", threshold=0.0)
    noise = Image.of_pixels(Pillow.effect_noise((400, 300), 90).convert("RGB"))
    eyes = Eyes(Oracle(), noise)
    tree = FocusTree(noise.sha256, noise.size, "red circle")
    node = tree.add(tree.root, Box(20, 30, 200, 160))
    finds = await make(eyes).find(node)
    assert finds
    assert all(find.box.clip(noise.box) == find.box and 0 <= find.confidence <= 1 for find in finds)
    assert all(a.box.iou(b.box) <= 0.5 for i, a in enumerate(finds) for b in finds[:i])
    assert await make(eyes).find(node) == finds
    assert eyes.looks == 1
    heat = await make(eyes).target(tree.root, [node])
    assert heat.peak > 0
