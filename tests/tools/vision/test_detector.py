"""Open-vocabulary detectors, on tiny random ones of both architectures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image as Pillow

from agentkit.content import Box, Image
from agentkit.errors import MissingExtra, ModelError, UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_detectors import KINDS, save_detector  # noqa: E402

from agentkit.tools.vision import detector as module  # noqa: E402
from agentkit.tools.vision.detector import Detector  # noqa: E402


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory) -> Path:
    return save_detector(request.param, tmp_path_factory.mktemp("detector") / request.param)


@pytest.fixture(scope="module")
def picture() -> Image:
    return Image.of_pixels(Pillow.effect_noise((300, 200), 90).convert("RGB"))


def answering(detector: Detector, boxes: list[list[float]], scores: list[float]) -> Detector:
    """Return the detector with the answer of its network set: boxes (cx, cy, w, h in shares), scores."""

    def forward(**inputs):
        count = len(inputs["pixel_values"])
        logits = torch.logit(torch.tensor(scores))[None, :, None].repeat(count, 1, 1)
        return SimpleNamespace(
            logits=logits,
            pred_boxes=torch.tensor(boxes)[None].repeat(count, 1, 1),
            input_ids=inputs["input_ids"],
        )

    network = torch.nn.Module()
    network.forward = forward
    network.device = torch.device("cpu")
    return Detector(network, detector.processor, threshold=0.2)


def test_boxes_are_of_the_original_and_inside_the_crop(folder, picture):
    detector = Detector.load(f"hf:{folder}", threshold=0.0)
    crop = picture.crop(Box(100, 50, 180, 190))
    whole, part, sliver, pixel = detector.detect(
        [picture, crop, picture.crop(Box(0, 0, 300, 1)), picture.crop(Box(5, 5, 6, 6))], "the red. umbrella"
    )
    assert whole
    assert part
    assert (sliver, pixel) == ([], [])
    for found, frame in ((whole, picture.box), (part, crop.box)):
        assert all(one.box.clip(frame) == one.box and one.box.area > 0 for one in found)
        assert all(0 <= one.score <= 1 for one in found)
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    alone = detector.detect([Image.of_pixels(crop.pixels)], "the red umbrella")[0]
    assert [one.box.shift(100, 50) for one in alone] == [pytest.approx(one.box, abs=0.1) for one in part]


def test_batches_do_not_change_what_is_seen(folder, picture):
    crops = [picture.crop(Box(10 * i, 10 * i, 10 * i + 90, 10 * i + 60)) for i in range(5)]
    one, four = (Detector.load(f"hf:{folder}", threshold=0.0, batch=batch) for batch in (1, 4))
    for a, b in zip(one.detect(crops, "cat"), four.detect(crops, "cat"), strict=True):
        assert len(a) == len(b)
        assert max(abs(x.score - y.score) for x, y in zip(a, b, strict=True)) < 1e-4
    assert one.detect([], "cat") == []


def test_where_the_network_points_is_where_the_box_is(folder, picture):
    detector = Detector.load(f"hf:{folder}")
    boxes = [[0.25, 0.25, 0.1, 0.1], [0.5, 0.5, 0.2, 0.2], [1.0, 1.0, 0.5, 0.5]]
    fixed = answering(detector, boxes, [0.3, 0.9, 0.1])
    (found,) = fixed.detect([picture.crop(Box(100, 40, 200, 140))], "dog")
    assert found[0].box == pytest.approx((140, 80, 160, 100), abs=0.01)
    assert found[1].box == pytest.approx((120, 60, 130, 70), abs=0.01)
    assert [one.score for one in found] == pytest.approx([0.9, 0.3])
    assert answering(detector, boxes, [0.1, 0.1, 0.1]).detect([picture], "dog") == [[]]
    outside = [[1.4, 1.4, 0.1, 0.1], [1.0, 0.1, 0.2, 0.1], [0.5, 0.5, 0.0, 0.0], [float("nan")] * 4]
    (clipped,) = answering(detector, outside, [0.9] * 4).detect([picture.crop(Box(0, 0, 100, 100))], "dog")
    assert [one.box for one in clipped] == [pytest.approx((90, 5, 100, 15), abs=0.01)]


def test_what_can_not_be_loaded_says_so(folder, tmp_path, picture, monkeypatch):
    with pytest.raises(UsageError, match="threshold"):
        Detector.load(f"hf:{folder}", threshold=2)
    with pytest.raises(UsageError, match="prompt"):
        Detector.load(f"hf:{folder}", prompt="a photo")
    with pytest.raises(UsageError, match=r"config\.json"):
        Detector.load(f"hf:{tmp_path}")
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="can't be loaded"):
        Detector.load(f"hf:{broken}")
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if "layers.0" in name and name.endswith("weight")))
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="missing"):
        Detector.load(f"hf:{broken}")
    (broken / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(UsageError, match="no open-vocabulary detector"):
        Detector.load(f"hf:{broken}")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="local"):
        Detector.load(f"hf:{folder}")
