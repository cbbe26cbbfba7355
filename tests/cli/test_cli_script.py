"""Run files: steps in order, expectations, budgets, questions, and going on after a kill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from agentkit.cli.script import unmet
from agentkit.contracts import schema
from agentkit.contracts.result import Evidence, Result
from agentkit.contracts.runfile import EvidenceIou, Expectation

pytestmark = pytest.mark.usefixtures("toy")

THREE = """
name: three
steps:
  - web: first
    url: http://x.test
    answers: [{match: name, answer: Ann}]
    expect: {answer_contains: ANN, asked: true, max_steps: 4}
  - web: second
    url: http://x.test
    expect: {answer_matches: '^hello \\w+$', asked: true}
  - tool: clock:now
    arguments: {zone: UTC}
    expect: {answer_contains: '+00:00', asked: false}
"""


def write(text: str, name: str = "run.yaml") -> str:
    Path(name).write_text(text)
    return name


def test_steps_run_in_order_and_pause_at_a_question(cli):
    paused = cli("run", write(THREE), "--out", "r", "--json")
    assert paused.code == 3
    result = paused.json
    import jsonschema

    jsonschema.validate(result, schema("result"))
    assert result["question"]["missing"] == "name"
    assert [step["result"]["status"] for step in result["output"]["steps"]] == ["done", "needs_input"]
    assert "agentkit resume r --answer" in paused.err
    done = cli("resume", "r", "--answer", "Bob", "--json")
    assert done.code == 0
    output = done.json["output"]
    assert (output["name"], output["status"]) == ("three", "done")
    assert [step["kind"] for step in output["steps"]] == ["web", "web", "tool"]
    assert [step["result"]["answer"] for step in output["steps"]][:2] == ["hello Ann", "hello Bob"]
    assert all(step["unmet"] == [] for step in output["steps"])
    assert done.json["steps"] == 9
    # The first step was done, and is not done again.
    assert json.loads(Path("r/step-01/run.json").read_text())["attempt"] == 1
    assert "step-01/report.html" in Path(cli("report", "r").out.strip()).read_text()
    assert cli("replay", "r").code == 0


def test_an_unmet_expectation_is_code_5_and_named(cli):
    write(
        "name: n\nsteps:\n  - tool: clock:now\n    expect: {answer_contains: tea, max_steps: 0}\n  - tool: clock:now\n"
    )
    wrong = cli("run", "run.yaml", "--json")
    assert wrong.code == 5
    assert wrong.json["status"] == "failed"
    first, second = wrong.json["output"]["steps"]
    assert len(first["unmet"]) == 2
    assert second["unmet"] == []
    assert "step 1: the answer" in wrong.err
    assert "does not contain 'tea'" in wrong.err


def test_a_failure_that_is_expected_is_fine(cli):
    write(
        "name: n\nsteps:\n  - {web: fail, url: 'http://x.test', expect: {status: failed}}\n"
        "  - {web: x, url: 'http://x.test', expect: {status: needs_input}}\n  - {tool: 'clock:now'}\n"
    )
    assert cli("run", "run.yaml").code == 0


def test_the_budget_is_that_of_the_whole_run(cli):
    budget = "name: n\nbudget: {steps: 6}\nsteps:\n"
    step = "  - {web: x, url: 'http://x.test', answers: [{match: name, answer: A}]}\n"
    spent = cli("run", write(budget + step + step), "--out", "r", "--json")
    assert spent.code == 4
    assert [s["result"]["steps"] for s in spent.json["output"]["steps"]] == [4, 2]
    more = cli("resume", "r", "--max-steps", 20, "--json")
    assert more.code == 0
    assert more.json["steps"] == 8


def test_pictures_are_found_beside_the_file_and_named_in_arguments(cli, tmp_path):
    Path("sub").mkdir()
    Pillow.new("RGB", (40, 30), "red").save("sub/a.png")
    step = "{tool: 'vision:crop', images: [a.png], arguments: {image: a.png, left: 0, top: 0, right: 10, bottom: 9}}"
    done = cli("run", write(f"name: n\nsteps: [{step}]", "sub/run.yaml"), "--json")
    assert done.code == 0
    assert done.json["output"]["steps"][0]["result"]["output"]["box"] == [0, 0, 10, 9]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: n\nsteps: []", "steps"),
        ("name: n\nsteps: [{web: x, ask: y}]", "exactly one"),
        ("name: n\nsteps: [{web: x, colour: y}]", "colour"),
        ("name: n\nsteps: [{ask: x, images: [none.png]}]", "none.png"),
        ("name: n\nsteps: [{tool: 'clock:then'}]", "clock"),
        ("name: n\nsteps: [{tool: 'clock:now', arguments: {colour: red}}]", "colour"),
        ("name: [", "not YAML"),
        ("3", "run.yaml"),
    ],
)
def test_a_wrong_run_file_is_code_2_and_says_where(cli, text, said):
    wrong = cli("run", write(text))
    assert wrong.code == 2
    assert said in wrong.err
    assert cli("run", "none.yaml").code == 2


@given(
    st.sampled_from(["done", "failed", "budget", "needs_input"]),
    st.text(max_size=20),
    st.integers(0, 9),
    st.booleans(),
)
def test_a_result_meets_what_it_says_of_itself(status, answer, steps, asked):
    box = (1.0, 2.0, 11.0, 12.0)
    result = Result(
        status=status, answer=answer, steps=steps, evidence=[Evidence(kind="region", box=box, image="0")]
    )
    expect = Expectation(
        status=status, answer_contains=answer, evidence_iou=EvidenceIou(box=box), max_steps=steps, asked=asked
    )
    assert unmet(expect, result, asked) == []
    other = Expectation(
        evidence_iou=EvidenceIou(box=(50, 50, 60, 60)), asked=not asked, answer_contains=answer + "!"
    )
    assert len(unmet(other, result, asked)) == 3
