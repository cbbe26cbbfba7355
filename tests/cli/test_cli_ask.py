"""``agentkit ask``: the report of the run in a file of one's own."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow

QUESTION = "what colour is it?"


def ask(cli, *more):
    Path("red.jsonl").write_text('{"text": "red"}\n')
    Pillow.new("RGB", (40, 30), (200, 0, 0)).save("red.png")
    return cli(
        "ask", QUESTION, "--image", "red.png", "--strategy", "direct", "--see", "script:red.jsonl", *more
    )


def test_the_report_goes_where_it_is_wanted(cli):
    Path("pages").mkdir()
    done = ask(cli, "--report", "pages/x.html", "--out", "r", "--json")
    assert done.code == 0
    assert done.json["answer"] == "red"
    assert "report: pages/x.html" in done.err
    assert QUESTION in Path("pages/x.html").read_text("utf-8")
    assert not Path("r/report.html").exists()


def test_a_run_that_failed_has_its_report_too(cli):
    Path("red.jsonl").write_text("")
    Path("none.jsonl").write_text("")
    done = ask(cli, "--report", "x.html", "--see", "script:none.jsonl")
    assert done.code != 0
    assert "failed" in Path("x.html").read_text("utf-8")


def test_a_report_without_a_folder_is_refused_before_the_run(cli):
    wrong = ask(cli, "--report", "none/x.html", "--out", "r")
    assert wrong.code == 2
    assert "there is no folder none" in wrong.err
    assert not Path("r").exists()
