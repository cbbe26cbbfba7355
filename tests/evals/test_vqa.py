"""Published benchmarks: their formats are read as published, and a run goes on where it was killed."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from agentkit.cli.main import app
from agentkit.config import Settings
from agentkit.errors import UsageError
from agentkit.evals.vqa import hrbench, pope, vstar
from agentkit.evals.vqa.item import Item, order_of, sample
from agentkit.evals.vqa.score import WITHIN
from agentkit.evals.vqa.ways import Plan, Way, strategies_of

QUESTION = "what colour is the circle?"


def picture(colour: str = "red", box: tuple[int, int, int, int] = (350, 210, 380, 240)) -> Image.Image:
    canvas = Image.new("RGB", (480, 320), (200, 190, 170))
    ImageDraw.Draw(canvas).ellipse(box, fill={"red": (220, 20, 20), "blue": (30, 60, 230)}[colour])
    return canvas


def write_item(folder: Path, stem: str, colour: str, **more: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    picture(colour).save(folder / f"{stem}.jpg", quality=95)
    wrong = ["blue" if colour == "red" else "red", "green", "yellow"]
    data = {
        "target_object": ["circle"],
        "bbox": [[350, 210, 30, 30]],
        "question": QUESTION,
        "options": [colour, *wrong],
    }
    (folder / f"{stem}.json").write_text(json.dumps(data | more))


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    folder = tmp_path / "bench"
    write_item(folder / "direct_attributes", "sa_1", "red")
    write_item(folder / "direct_attributes", "sa_2", "blue", kind="colour", placement="random")
    no_star = {"target_object": [], "bbox": [], "question": "is there a red star?", "options": ["no", "yes"]}
    write_item(folder / "absent", "a_1", "blue", **no_star)
    (folder / "manifest.json").write_text("{}")
    return folder


def call(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*words, "--json"], env={"AGENTKIT_SEE": "mini"})
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_the_first_option_is_right_wherever_it_is_shown(bench: Path) -> None:
    items = vstar.load(bench)
    assert [item.name for item in items] == ["absent/a_1", "direct_attributes/sa_1", "direct_attributes/sa_2"]
    assert [item.answer for item in items] == ["no", "red", "blue"]
    assert items[1].boxes[0] == (350, 210, 380, 240)
    assert {order_of(f"item {n}", 4).index(0) for n in range(40)} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "broken",
    [
        {"options": ["red"]},
        {"options": ["red", " Red"]},
        {"options": 3},
        {"bbox": [[1, 2, 3]]},
        {"bbox": [[10, 10, -5, 5]]},
        {"bbox": [[1, 2, 3, 4], [1, 2, 3, 4]]},
    ],
)
def test_a_file_that_is_not_in_the_format_is_named(tmp_path: Path, broken: dict[str, Any]) -> None:
    write_item(tmp_path, "bad", "red", **broken)
    with pytest.raises(UsageError, match=r"bad\.json"):
        vstar.load(tmp_path)


def test_samples_hold_every_part_in_its_share_and_grow() -> None:
    path = Path("x.jpg")
    items = [Item(str(n), "abc"[n % 3 % 2], path, "?", ("a", "b"), 0) for n in range(90)]
    small, large = sample(items, 9), sample(items, 30)
    assert large[:9] == small
    assert sum(item.group == "b" for item in large) == 10
    assert {item.group for item in sample(items, None, ["b"])} == {"b"}
    with pytest.raises(UsageError, match="one of a, b"):
        sample(items, 3, ["c"])


def test_strategies_are_checked_before_anything_runs() -> None:
    assert strategies_of("direct,vstar,oracle", "5,10") == (
        "direct",
        "vstar",
        "oracle",
        "vstar@5",
        "vstar@10",
    )
    way = Way.of("dyfo:exploration=0.5:name=x@40")
    assert (way.name, way.constants, way.looks) == ("dyfo", {"exploration": 0.5, "name": "x"}, 40)
    for wrong in ("vstar@x", "vstar@0", ",", "vstar:cue_floor", "vstar:=1"):
        with pytest.raises(UsageError):
            strategies_of(wrong)
    with pytest.raises(UsageError, match="no search strategy"):
        Plan(("nothing",), Settings.load(), pope.judge).check()


def test_strategies_run_on_the_same_items_and_a_killed_run_goes_on(bench: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        "eval",
        "vstar",
        "--data",
        str(bench),
        "--strategy",
        "direct,vstar,grid,oracle",
        "--out",
        str(out),
    ]
    first = call(*words, "--items", "1")
    lines = (out / "rows.jsonl").read_bytes()
    (out / "rows.jsonl").write_bytes(lines + b'{"item": "abs')
    found = call(*words)
    assert found["items"] == 3
    assert len(found["rows"]) == len((out / "rows.jsonl").read_text().splitlines()) == 12
    assert (out / "rows.jsonl").read_bytes().startswith(lines)
    known = [row for row in found["rows"] if row["item"] == first["rows"][0]["item"]]
    assert known == first["rows"]
    metrics = found["metrics"]
    assert metrics["oracle/found"]["mean"] == 1
    assert metrics["oracle/found"]["n"] == 2
    assert metrics["vstar/right"]["mean"] == 1
    assert metrics["vstar/right/absent"]["n"] == 1
    assert metrics["vstar/found"]["mean"] == 1
    assert metrics["vstar/path"]["mean"] >= 1
    assert metrics["vstar/invented"]["mean"] == 0
    assert metrics["vstar/calls of grid"]["n"] == 3
    assert "direct/found" not in metrics
    within = [metrics[f"grid/right within {calls}"]["mean"] for calls in WITHIN]
    assert within == sorted(within)
    assert within[-1] == metrics["grid/right"]["mean"]
    assert "| | direct | vstar | grid | oracle |" in (out / "table.md").read_text()


def test_a_budget_of_looks_is_a_strategy_of_its_own(bench: Path) -> None:
    words = [
        "eval",
        "vstar",
        "--data",
        str(bench),
        "--strategy",
        "vstar",
        "--budgets",
        "1",
        "--family",
        "absent",
    ]
    found = call(*words)
    calls = {row["strategy"]: row["calls"] for row in found["rows"]}
    assert calls["vstar@1"] < calls["vstar"]
    assert "| looks | 1 |" in found["table"]


def hr_row(index: int, answer: str, **more: str) -> dict[str, str]:
    data = io.BytesIO()
    picture().save(data, "PNG")
    row = {
        "index": str(index),
        "question": QUESTION,
        "answer": answer,
        "category": "single",
        "cycle_category": "0",
    }
    row |= dict(zip("ABCD", ("green", "red", "blue", "black"), strict=True))
    return row | {"image": base64.b64encode(data.getvalue()).decode()} | more


def write_tsv(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_hr_bench_is_read_from_its_table(tmp_path: Path) -> None:
    file = write_tsv(
        tmp_path / "hr.tsv", [hr_row(0, "B"), hr_row(1, "A", category="cross", A="red", B="green")]
    )
    found = call("eval", "hrbench", "--data", str(file), "--strategy", "oracle,direct")
    assert found["items"] == 2
    assert {row["expected"] for row in found["rows"]} == {"red"}
    assert {"direct/right/single", "direct/right/cross"} <= set(found["metrics"])


def test_hr_bench_is_read_from_its_annotations(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    orders = ["A. green\nB. red\nC. blue\nD. black", "(A) red\n(B) green\n(C) black\n(D) blue"]
    entry = {
        "question": QUESTION,
        "input_image": "a.png",
        "category": "single",
        "options": orders,
        "answer": ["B", "A"],
    }
    file = tmp_path / "hr.json"
    file.write_text(json.dumps([entry]))
    items = hrbench.load(file, None, tmp_path)
    assert {(item.name, item.right, item.answer) for item in items} == {("0/0", 1, "red"), ("0/1", 0, "red")}


@pytest.mark.parametrize(
    ("said", "index"),
    [("Red", 1), ("B", 1), ("(B) red", 1), ("The answer is D.", 3), ("purple", None), ("", None)],
)
def test_the_first_letter_of_a_reply_counts(said: str, index: int | None) -> None:
    item = Item("0", "single", Path("x"), QUESTION, ("green", "red", "blue", "black"), 1)
    assert hrbench.judge(item, said) == index


def test_equal_options_of_hr_bench_keep_their_letters(tmp_path: Path) -> None:
    (item,) = hrbench.load(write_tsv(tmp_path / "hr.tsv", [hr_row(0, "B", B="green")]), None, tmp_path)
    assert item.options == ("A. green", "B. green", "C. blue", "D. black")
    assert hrbench.judge(item, "B") == item.right == 1


def test_broken_files_of_hr_bench_are_refused(tmp_path: Path) -> None:
    broken = [[hr_row(0, "E")], [hr_row(0, "B", image="?")], [{"index": "0"}]]
    for rows in broken:
        with pytest.raises(UsageError):
            hrbench.load(write_tsv(tmp_path / "hr.tsv", rows), None, tmp_path)
    for text in ("{}", "[{}]", "no"):
        (tmp_path / "hr.json").write_text(text)
        with pytest.raises(UsageError, match="HR-Bench's JSON"):
            hrbench.load(tmp_path / "hr.json", None, tmp_path)


def write_pope(folder: Path, labels: list[str]) -> Path:
    picture().save(folder / "COCO_1.jpg")
    file = folder / "coco_pope_random.json"
    rows = [
        {"question_id": n, "image": "COCO_1.jpg", "text": "Is there a cat?", "label": it}
        for n, it in enumerate(labels)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_pope_counts_as_published_and_processes_share_the_work(tmp_path: Path) -> None:
    file = write_pope(tmp_path, ["yes", "yes", "no", "no"])
    replies = tmp_path / "yes.jsonl"
    replies.write_text('{"text": "Yes, there is. It is not large."}\n' * 4)
    words = ["eval", "pope", "--data", str(file), "--see", f"script:{replies}", "--workers", "2"]
    metrics = call(*words)["metrics"]
    expected = {"right": 0.5, "precision": 0.5, "recall": 1.0, "f1": 2 / 3, "yes": 1.0}
    assert {name: round(metrics[f"direct/{name}"]["mean"], 6) for name in expected} == {
        name: round(value, 6) for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("said", "index"), [("No.", 1), ("There is not.", 1), ("Yes", 0), ("Yes. No cat.", 0), ("", 0)]
)
def test_no_or_not_in_the_first_sentence_is_no(said: str, index: int) -> None:
    assert pope.judge(Item("0", "g", Path("x"), "?", pope.OPTIONS, 0), said) == index


def test_pope_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    file = write_pope(tmp_path, ["yes"])
    with pytest.raises(UsageError, match="--images"):
        pope.load(file, tmp_path / "elsewhere")
    file.write_text('{"image": "COCO_1.jpg", "text": "?", "label": "perhaps"}\n')
    with pytest.raises(UsageError, match="line 1"):
        pope.load(file)
    file.write_text("")
    with pytest.raises(UsageError, match="no questions"):
        pope.load(file)


def test_without_data_the_command_says_what_it_needs() -> None:
    for name in ("vstar", "hrbench", "pope"):
        assert "--data" in call("eval", name, code=2)["error"]
