"""Bad input of users: one clear line, the right exit code, and nothing done."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image as Pillow

QUESTION = "What colour is the square?"


@pytest.fixture(autouse=True)
def script(cli):
    Path("red.jsonl").write_text('{"text": "red", "logprobs": [["red", -0.1]]}\n')


def ask(cli, image, *more, question=QUESTION, model="script:red.jsonl", **how):
    return cli("ask", question, "--image", image, "--strategy", "direct", "--see", model, *more, **how)


def encoded(kind: str, mode: str = "RGB", size=(60, 40), **options) -> bytes:
    buffer = io.BytesIO()
    Pillow.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


BAD = {
    "empty": b"",
    "text": b"not a picture",
    "cut png": encoded("PNG")[:60],
    "cut jpeg": encoded("JPEG", size=(600, 400))[:900],
    "bomb": encoded("PNG", "1", (20_000, 12_000)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures(cli, name):
    Path("bad.png").write_bytes(BAD[name])
    wrong = ask(cli, "bad.png", "--json")
    assert wrong.code == 2
    assert wrong.json["status"] == "failed"
    assert "bad.png" in wrong.err
    assert len(wrong.err.strip().splitlines()) == 1
    # Nothing was asked of a model.
    assert not [run for run in cli("runs", "--json").json if run["steps"]]


GOOD = {
    "16-bit": ("PNG", "I;16", {}),
    "cmyk": ("JPEG", "CMYK", {}),
    "transparent": ("PNG", "RGBA", {}),
    "animated": ("GIF", "P", {"save_all": True, "append_images": [Pillow.new("P", (60, 40), 9)]}),
    "grey": ("PNG", "LA", {}),
    "tiny": ("PNG", "RGB", {"size": (1, 1)}),
}


@pytest.mark.parametrize("name", GOOD)
def test_unusual_pictures_are_fine(cli, name):
    kind, mode, options = GOOD[name]
    Path("odd").write_bytes(encoded(kind, mode, **options))
    done = ask(cli, "odd")
    assert (done.code, done.out.splitlines()[0]) == (0, "red")
    assert cli("report", cli("runs", "--json").json[0]["run"]).code == 0


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"question": "  "}, 2, "empty"),
        ({"image": "none.png"}, 2, "no picture at none.png"),
        ({"model": "script:none.jsonl"}, 2, "none.jsonl"),
        ({"model": "gtp-5"}, 2, "there is no model 'gtp-5'"),
        ({"model": "hf:/nowhere"}, 2, "/nowhere"),
        ({"model": "http://127.0.0.1:9/v1#none"}, 5, "127.0.0.1:9"),
        ({"more": ("--out", "/dev/null/run")}, 5, "can't write to /dev/null/run"),
        ({"more": ("--max-steps", "none")}, 2, "--max-steps"),
        ({"more": ("--strategy", "luck")}, 2, "--strategy"),
    ],
)
def test_bad_arguments(cli, change, code, said):
    Path("ok.png").write_bytes(encoded("PNG"))
    change = {"image": "ok.png", "more": (), **change}
    image, more = change.pop("image"), change.pop("more")
    wrong = ask(cli, image, *more, env={"AGENTKIT_REQUEST__RETRIES": "0"}, **change)
    assert wrong.code == code
    assert said in wrong.err
    assert "Traceback" not in wrong.err


def test_a_bad_settings_file_names_file_and_key(cli):
    Path("agentkit.toml").write_text("colour = 3\n")
    wrong = cli("runs")
    assert wrong.code == 2
    assert "agentkit.toml" in wrong.err
    assert "colour" in wrong.err


def test_without_a_picture_only_a_model_that_was_chosen_answers(cli):
    wrong = cli("ask", QUESTION)
    assert wrong.code == 2
    assert "--image" in wrong.err
    plain = cli("ask", QUESTION, "--model", "script:red.jsonl", "--json")
    assert (plain.code, plain.json["answer"], plain.json["evidence"]) == (0, "red", [])
