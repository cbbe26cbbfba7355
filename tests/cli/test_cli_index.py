"""``agentkit index`` from a shell's point of view; the index itself is tested in tests/tools/retrieval."""

from __future__ import annotations

from pathlib import Path


def test_an_index_is_made_asked_and_emptied(cli, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "mur.txt").write_text("The Mur flows through Graz.")
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    made = cli("index", "add", notes, "--json")
    assert made.code == 0
    assert made.json["added"] == 1
    assert "can't be opened" in made.err
    assert [Path(address).name for address, _ in made.json["problems"]] == ["broken.pdf"]
    again = cli("index", "add", notes, "--json")
    assert (again.json["unchanged"], again.json["embedded"]) == (1, 0)
    (found,) = cli("index", "search", "which river", "--json").json["passages"]
    assert found["text"] == "The Mur flows through Graz."
    assert found["trust"] == "untrusted"
    health = cli("index", "check", "--queries", "3", "--json")
    assert health.code == 0
    assert health.json["recall"] == 1.0
    assert [entry["title"] for entry in cli("index", "list", "--json").json["documents"]] == ["mur"]
    assert cli("index", "remove", notes, "--json").json["removed"] == 1
    assert cli("index", "search", "which river", "--json").json["passages"] == []


def test_wrong_use_is_one_line(cli, tmp_path: Path) -> None:
    missing = cli("index", "list", "--index", "nowhere")
    assert missing.code == 2
    assert "there is no index in nowhere" in missing.err
    assert cli("index", "add", "nothing-here", "--index", "i").code == 2
    nothing = cli("index", "search", "--index", "i")
    assert nothing.code == 2
    assert "a text or a picture" in nothing.err
    refused = cli("index", "add", "http://127.0.0.1:9/", "--index", "i", "--json")
    assert refused.code == 0
    assert "no public address" in refused.json["problems"][0][1]


def test_a_model_describes_pictures(cli, tmp_path: Path) -> None:
    from PIL import Image as Pillow

    Pillow.new("RGB", (80, 80), "red").save(tmp_path / "IMG_1.png")
    (tmp_path / "replies.jsonl").write_text('{"text": "A red  field\\nin the evening."}\n')
    script = f"script:{tmp_path / 'replies.jsonl'}"
    made = cli("index", "add", "IMG_1.png", "--no-ocr", "--caption", "--see", script, "--json")
    assert made.code == 0, made.err
    (found,) = cli("index", "search", "evening", "--pictures", "--json").json["passages"]
    assert found["text"] == "A red field in the evening."
    unnamed = cli("index", "add", "IMG_1.png", "--caption")
    assert unnamed.code == 2
    assert "--see" in unnamed.err
