"""mini: the shipped folder answers through plain transformers classes; training packs, learns and resumes."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("skimage")

from agentkit.config import Settings  # noqa: E402
from agentkit.contracts.evaluation import Evaluation  # noqa: E402
from agentkit.errors import UsageError  # noqa: E402
from agentkit.evals import accuracy  # noqa: E402
from agentkit.evals.mini import data, evaluate, train  # noqa: E402
from agentkit.evals.mini.reader import Reader  # noqa: E402
from agentkit.evals.mini.tokenizer import BINS, build_tokenizer  # noqa: E402
from agentkit.evals.scenes import Question, ask, crop_scene  # noqa: E402
from agentkit.evals.scenes.scene import CROP, Scene, SceneObject  # noqa: E402

WEIGHTS = Path(str(resources.files("agentkit.models.mini"))) / "weights"
TUNING_SEED = 10_000


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


@pytest.fixture(scope="module")
def reader() -> Reader:
    torch.set_num_threads(1)
    return Reader(WEIGHTS)


def object_in(box: tuple[float, float, float, float], radius: float) -> SceneObject:
    centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return SceneObject("star", "red", None, box, centre, radius, 1.0)


def test_every_question_is_made_of_known_words(tokenizer) -> None:
    for seed in range(TUNING_SEED, TUNING_SEED + 60):
        rng = np.random.default_rng(seed)
        for question in ask(crop_scene(rng), rng, 12):
            ids = tokenizer(f"{question.text} {data.answer_text(question)}")["input_ids"]
            assert tokenizer.unk_token_id not in ids, question


@settings(max_examples=80, deadline=None)
@given(*[st.floats(0, CROP) for _ in range(4)])
def test_location_words_and_back(a: float, b: float, c: float, d: float) -> None:
    box = min(a, b), min(c, d), max(a, b), max(c, d)
    back = evaluate.read_box(" ".join(data.location_words(box)))
    assert back is not None
    assert max(abs(x - y) for x, y in zip(box, back, strict=True)) <= CROP / BINS / 2 + 1e-6


def test_a_reply_without_four_places_is_no_box() -> None:
    assert evaluate.read_box("not visible") is None
    assert evaluate.read_box("<loc01> <loc02> <loc03>") is None


@settings(max_examples=60, deadline=None)
@given(st.floats(5.5, 30), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_dense_targets_mark_the_cell_of_an_object(radius: float, across: float, down: float) -> None:
    from PIL import Image

    x, y = (radius + v * (CROP - 2 * radius) for v in (across, down))
    thing = object_in((x - radius, y - radius, x + radius, y + radius), radius)
    cells, places = data.dense_targets(Scene(Image.new("RGB", (CROP, CROP)), [thing]))
    home = int(y // 16) * 8 + int(x // 16)
    assert cells["shape"][home] == 4
    assert cells["colour"][home] == 1
    assert cells["count"].sum() == 1
    assert np.allclose(places[home, :4], np.array(thing.box) / 2, atol=1e-3)
    assert (places[:, 4:] < 0).all()


def test_packed_questions_do_not_see_each_other() -> None:
    """The bias lets a token see the picture and earlier tokens of its own question, nothing else."""
    segments = torch.tensor([[1, 1, 2, 2, 0]])
    allowed = (train.attention_bias(segments, torch.float32) == 0)[0, 0, 64:]
    assert allowed[:, :64].all()
    assert allowed[:, 64:].tolist() == [
        [True, False, False, False, False],
        [True, True, False, False, False],
        [False, False, True, False, False],
        [False, False, True, True, False],
        [False, False, False, False, True],
    ]


def test_packing_labels_the_answers_only(tokenizer) -> None:
    packer = data.Packer(tokenizer)
    box = (10.0, 20.0, 40.0, 64.0)
    questions = [
        Question("presence", "is there a star?", "no"),
        Question("location", "where is it?", "", box, (box,)),
    ]
    rows, bins, aims = packer.pack(questions)
    tokens, segments, positions, labels = rows
    answers = [tokenizer.decode([t]) for t in labels[labels != data.IGNORE]]
    assert answers == ["no", "</s>", "<loc05>", "<loc10>", "<loc20>", "<loc32>", "</s>"]
    assert positions[segments == 2].tolist() == list(range(64, 64 + int((segments == 2).sum())))
    assert bins[bins >= 0].tolist() == [5, 10, 20, 32]
    # Only the places look at cells: each at those that the box covers.
    assert aims.any(axis=(1, 2)).sum() == 4
    assert (aims[bins >= 0] == data.covered_cells(box)).all()
    assert tokenizer.decode(tokens[segments == 1]) == "<q> is there a star ? <a> no"


def test_training_resumes_where_it_stopped(tmp_path: Path) -> None:
    """Four steps in one go equal two, a restart, and two more."""
    recipe = train.Recipe(steps=4, batch=2, warmup=2, tower_steps=1)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train.run(recipe, whole)
    train.run(train.replace(recipe, steps=2, decay=0.0), parts)
    train.run(recipe, parts, resume=True)
    one, two = (torch.load(f / "state.pt", weights_only=True) for f in (whole, parts))
    assert one["step"] == two["step"] == 4
    for a, b in zip(one["master"], two["master"], strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_the_temperature_mends_overconfidence() -> None:
    rng = np.random.default_rng(0)
    true_margin = rng.normal(0, 2, 4000)
    truths = (rng.random(4000) < 1 / (1 + np.exp(-true_margin))).tolist()
    said = (true_margin * 3).tolist()
    temperature = evaluate.fit_temperature(said, truths)
    assert 2.5 < temperature < 3.5
    before, after = (evaluate.calibration_error(said, truths, t) for t in (1.0, temperature))
    assert after < before / 2


def test_the_card_agrees_with_the_folder(reader: Reader) -> None:
    card = json.loads((WEIGHTS / "card.json").read_text())
    words = reader.tokenizer.get_vocab()
    assert card["location"]["token"].format(card["location"]["bins"] - 1) in words
    assert card["input_size"] == CROP
    assert {card["yes"], card["no"]} <= set(words)
    for prompt in (card["prompts"][k] for k in ("exists", "locate", "context")):
        assert (
            reader.tokenizer.unk_token_id
            not in reader.tokenizer(prompt.format(object="red star"))["input_ids"]
        )
    size = (WEIGHTS / "model.safetensors").stat().st_size
    assert size <= 25_000_000
    assert sum(p.numel() for p in reader.model.parameters()) <= 8_000_000


def test_the_chat_template_is_the_training_prompt(reader: Reader) -> None:
    parts = [{"type": "image"}, {"type": "text", "text": "is there a star?"}]
    text = reader.processor.apply_chat_template(
        [{"role": "user", "content": parts}], add_generation_prompt=True
    )
    assert reader.tokenizer.tokenize(text) == ["<image>", "<q>", "is", "there", "a", "star", "?", "<a>"]


def test_a_batch_answers_as_plain_generate_does(reader: Reader) -> None:
    rng = np.random.default_rng(TUNING_SEED + 7)
    image = crop_scene(rng).image
    questions = ["is there a red star?", "where is the blue circle?", "how many circles are there?"]
    for question, answer in zip(questions, reader.answer(image, questions), strict=True):
        inputs = reader.processor(images=[image], text=[f"<image><q>{question}<a>"], return_tensors="pt")
        output = reader.model.generate(**inputs, max_new_tokens=6, do_sample=False)
        reply = output[0, inputs["input_ids"].shape[1] :]
        assert reader.tokenizer.decode(reply, skip_special_tokens=True).strip() == answer.text


def test_pictures_of_any_shape_become_64_tokens(reader: Reader) -> None:
    from PIL import Image

    for size in ((300, 90), (64, 64), (20, 400)):
        inputs = reader.processor(
            images=[Image.new("RGB", size)], text=["<image><q>x<a>"], return_tensors="pt"
        )
        assert inputs["pixel_values"].shape == (1, 3, 128, 128)
        assert int((inputs["input_ids"] == reader.model.config.image_token_id).sum()) == 64


@pytest.mark.parametrize("skill", ["presence", "attribute", "glyph", "location", "context"])
def test_each_skill_beats_chance_on_tuning_scenes(reader: Reader, skill: str) -> None:
    """A smoke test over fixed scenes; the measured accuracies are in the card."""
    right = total = 0
    for seed in range(TUNING_SEED, TUNING_SEED + 30):
        rng = np.random.default_rng(seed)
        scene = crop_scene(rng)
        questions = ask(scene, rng, 6, {skill: 1.0})
        if questions:
            answers = reader.answer(scene.image, [q.text for q in questions])
            right += sum(evaluate.is_right(q, a.text) for q, a in zip(questions, answers, strict=True))
            total += len(questions)
    assert right / total > 0.7


def test_agentkit_eval_mini_measures_the_model_that_sees(tmp_path) -> None:
    found = accuracy.evaluate(Settings.load(see=f"hf:{WEIGHTS}"), tmp_path / "out", items=3)
    assert (found.name, found.model, found.items) == ("mini", f"hf:{WEIGHTS}", 3)
    assert all(0 <= m.low <= m.mean <= m.high <= 1 for m in found.metrics.values())
    assert (
        found.metrics
        == Evaluation.model_validate_json((tmp_path / "out/evaluation.json").read_text()).metrics
    )
    with pytest.raises(UsageError, match="not a model of mini's kind"):
        accuracy.evaluate(Settings.load(see="http://127.0.0.1:9/v1#eyes"), None, items=3)
