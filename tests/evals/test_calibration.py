"""Calibration: what a model's yes and no mean, and the card that says it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.config import Settings
from agentkit.content import Image
from agentkit.errors import UsageError
from agentkit.evals.calibration import evaluate, platt
from agentkit.models import load_model

pytest.importorskip("torch")
pytest.importorskip("skimage")


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.floats(0.3, 4))
def test_known_offsets_and_temperatures_are_found_again(offset: float, temperature: float) -> None:
    rng = np.random.default_rng(1)
    true_odds = rng.normal(0, 2, 4000)
    truths = rng.random(4000) < 1 / (1 + np.exp(-true_odds))
    found = platt((true_odds * temperature + offset).tolist(), truths.tolist())
    assert found[0] == pytest.approx(offset, abs=0.25 * temperature)
    assert found[1] == pytest.approx(temperature, rel=0.15)


def test_a_model_that_is_never_wrong_keeps_a_finite_certainty() -> None:
    offset, temperature = platt([3.5] * 50 + [-3.5] * 50, [True] * 50 + [False] * 50)
    assert abs(offset) < 0.1
    assert 2.5 < 3.5 / temperature < 8
    assert platt([2.0, -2.0] * 20, [True, True, False, False] * 10)[1] > 5


async def test_a_model_is_calibrated_and_its_card_is_used(tmp_path: Path) -> None:
    found = await evaluate(Settings.load(threads=1), tmp_path / "c", items=60)
    assert found.items == 60
    assert found.metrics["right"].mean > 0.8
    card = json.loads((tmp_path / "c" / "card.json").read_text())
    assert card["prompts"]["exists"] == "is there a {object}?"
    assert found.rows == [{"offset": card["offset"], "temperature": card["temperature"]}]
    declared = Settings.load(models={"mini": {"card": str(tmp_path / "c" / "card.json")}}, threads=1)
    model = load_model("mini", declared)
    assert (model.card.offset, model.card.temperature) == (card["offset"], card["temperature"])
    assert model.card.read_box("<loc00><loc00><loc31><loc31>", (64, 64)) is not None
    await model.aclose()


async def test_the_offset_moves_what_is_said() -> None:
    from dataclasses import replace

    from PIL import Image as Pillow

    from agentkit.agents.search import Eyes

    model = load_model("mini", Settings.load(threads=1))
    image = Image.of_pixels(Pillow.new("RGB", (128, 128), (90, 90, 90)))
    (plain,) = await Eyes(model, image).exists([image.box], "red star")
    model.card = replace(model.card, offset=1.0)
    (moved,) = await Eyes(model, image).exists([image.box], "red star")
    assert moved == pytest.approx(plain - 1 / model.card.temperature, abs=1e-5)
    assert math.isfinite(moved)
    await model.aclose()


def test_a_file_that_is_no_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(UsageError, match="no card of a model"):
        load_model("mini", Settings.load(models={"mini": {"card": str(tmp_path / "x.json")}}))
