"""Starting, pausing, resuming, replaying, listing: with a small agent in the web agent's place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentkit.contracts import schema
from tests.cli.person import hear_interrupts

TOY = Path(__file__).parent / "cli_toy.py"
pytestmark = pytest.mark.usefixtures("toy")


def start(cli, *more, task="count", **how):
    return cli("web", task, "--url", "http://x.test", *more, **how)


def valid(data, contract="result"):
    import jsonschema

    jsonschema.validate(data, schema(contract))
    return data


def test_a_question_nobody_answers_pauses_the_run_and_says_how_to_go_on(cli):
    paused = start(cli, "--out", "r")
    assert paused.code == 3
    assert "Who are you?" in paused.err
    assert "1. Ann" in paused.err
    assert "agentkit resume r --answer" in paused.err
    done = cli("resume", "r", "--answer", "Zoe")
    assert done.code == 0
    assert done.out.strip() == "hello Zoe"


def test_json_is_one_result_and_nothing_else(cli):
    paused = start(cli, "--json", "--out", "r")
    data = valid(paused.json)
    assert data["status"] == "needs_input"
    assert data["question"]["choices"] == ["Ann", "Bob"]
    assert "error" not in data
    assert "output" not in data
    assert "agentkit resume r" in paused.err
    done = cli("resume", "r", "--answer", "Ann", "--json")
    assert valid(done.json)["answer"] == "hello Ann"
    assert done.json["question"] is None


def test_an_answers_file_answers(cli, tmp_path):
    (tmp_path / "a.yaml").write_text("- {match: who are, answer: Eve}\n")
    done = start(cli, "--answers", "a.yaml")
    assert done.code == 0
    assert "hello Eve" in done.out
    assert "answers file answered: Eve" in done.err


def test_progress_is_one_line_a_step_on_standard_error(cli, tmp_path):
    (tmp_path / "a.yaml").write_text("- {match: name, answer: Eve}\n")
    done = start(cli, "--json", "--answers", "a.yaml")
    for number in range(4):
        assert f"→ do {number}" in done.err
    assert "asked: Who are you?" in done.err


def test_a_spent_budget_is_code_4_and_more_of_it_goes_on(cli):
    spent = start(cli, "--max-steps", 2, "--out", "r", "--json")
    assert spent.code == 4
    assert spent.json["status"] == "budget"
    assert spent.json["steps"] == 2
    more = cli("resume", "r", "--max-steps", 10, "--json")
    assert more.code == 3
    assert more.json["steps"] == 4


def test_flags_are_variables_too(cli):
    spent = start(cli, "--json", env={"AGENTKIT_MAX_STEPS": "1", "AGENTKIT_OUT": "elsewhere"})
    assert spent.json["status"] == "budget"
    assert spent.json["run"] == "elsewhere"
    quiet = start(cli, env={"AGENTKIT_JSON": "1", "AGENTKIT_RUNS": "many"})
    assert quiet.json["run"].startswith("many")


def test_a_failed_model_is_code_5_with_its_mend(cli):
    failed = start(cli, "--json", task="fail")
    assert failed.code == 5
    assert failed.json["status"] == "failed"
    assert "the model is not there (start it)" in failed.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("web", "", "--url", "http://x.test"),
        ("web", "count", "--url", "http://x.test", "--answers", "none.yaml"),
        ("resume", "none"),
        ("resume", "."),
        ("replay", "none"),
        ("report", "none"),
        ("schema", "none"),
        ("web", "count", "--url", "http://x.test", "--timeout", "-1"),
        ("web", "count"),
        ("nonsense",),
        ("web", "count", "--url", "x", "--nonsense"),
    ],
)
def test_wrong_usage_is_code_2_and_no_traceback(cli, arguments):
    wrong = cli(*arguments)
    assert wrong.code == 2
    assert "Traceback" not in wrong.err
    assert wrong.err.strip()
    assert not wrong.out


def test_errors_with_json_are_a_failed_result(cli):
    wrong = cli("resume", "none", "--json")
    assert wrong.code == 2
    assert valid(wrong.json)["status"] == "failed"
    assert "none" in wrong.json["error"]


def test_a_done_run_is_not_done_again(cli):
    start(cli, "--out", "r")
    cli("resume", "r", "--answer", "Ann")
    before = Path("r/events.jsonl").read_text()
    again = cli("resume", "r")
    assert again.code == 0
    assert "hello Ann" in again.out
    assert Path("r/events.jsonl").read_text() == before
    assert cli("resume", "r", "--answer", "Bob").code == 2


def test_an_answer_without_a_question_is_wrong_usage(cli):
    start(cli, "--out", "r", "--max-steps", 1)
    assert cli("resume", "r", "--answer", "x").code == 2


def test_a_replay_gives_the_same_decisions(cli):
    start(cli, "--out", "r")
    cli("resume", "r", "--answer", "Ann")
    same = cli("replay", "r", "--json")
    assert same.code == 0
    assert valid(same.json)["answer"] == "hello Ann"
    assert "the same 6 decisions" in same.err


def test_a_replay_of_an_unfinished_run_is_fine_too(cli):
    start(cli, "--out", "paused")
    start(cli, "--out", "spent", "--max-steps", 2)
    start(cli, "--out", "failed", task="fail")
    for run, status in (("paused", "needs_input"), ("spent", "budget"), ("failed", "failed")):
        same = cli("replay", run, "--json")
        assert (same.code, same.json["status"]) == (0, status)


def test_a_replay_that_differs_names_the_first_difference(cli):
    start(cli, "--out", "r")
    cli("resume", "r", "--answer", "Ann")
    events = Path("r/events.jsonl")
    events.write_text(events.read_text().replace('"action":"do 2"', '"action":"do nothing"'))
    other = cli("replay", "r")
    assert other.code == 5
    assert "decision 3 was act 'do nothing', the replay's is act 'do 2'" in other.err


def test_a_run_of_another_version_is_refused(cli):
    start(cli, "--out", "r")
    head = Path("r/run.json")
    head.write_text(head.read_text().replace('"format": 1', '"format": 7'))
    for command in ("resume", "replay", "report"):
        refused = cli(command, "r")
        assert refused.code == 5
        assert "format 7" in refused.err


def test_runs_are_listed_newest_first(cli):
    assert cli("runs", "--json").json == []
    first, second = start(cli, "--json").json["run"], start(cli, "--json", task="fail").json["run"]
    rows = cli("runs", "--json").json
    assert {row["run"] for row in rows} == {first, second}
    assert {row["status"] for row in rows} == {"needs_input", "failed"}
    table = cli("runs")
    assert "count" in table.out
    assert "needs_input" in table.out


def test_control_characters_of_tasks_do_not_reach_the_terminal(cli):
    start(cli, task="count \x1b[31m\x07red")
    assert "\x1b" not in cli("runs").out


@pytest.fixture
def process(tmp_path):
    """Run the toy's command line in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AGENTKIT_")}
    started = []

    def run(*arguments):
        command = [sys.executable, str(TOY), *arguments]
        child = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=hear_interrupts,
        )
        started.append(child)
        return child

    yield run
    for child in started:
        child.kill()
        child.wait()


def test_ctrl_c_leaves_a_run_that_can_be_resumed(cli, process, tmp_path):
    child = process("web", "slow", "--url", "http://x.test", "--out", "r", "--json")
    events = tmp_path / "r" / "events.jsonl"
    while not (events.exists() and '"waiting"' in events.read_text()):
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "agentkit resume r" in err
    assert not out
    resumed = cli("resume", "r", "--json", "--answers", _answers(tmp_path))
    assert resumed.code == 0
    assert resumed.json["steps"] == 4
    acted = [json.loads(line) for line in events.read_text().splitlines()]
    assert [e["action"] for e in acted if e["kind"] == "acted" and e["state"] == "done"] == [
        f"do {number}" for number in range(4)
    ]
    assert cli("replay", "r").code == 0


def test_a_killed_run_resumes_and_replays(cli, process, tmp_path):
    child = process("web", "die", "--url", "http://x.test", "--out", "r")
    child.communicate(timeout=60)
    assert child.returncode == 9
    assert cli("runs", "--json", "--out", ".").json[0]["status"] == "unfinished"
    resumed = cli("resume", "r", "--json", "--answers", _answers(tmp_path))
    assert resumed.code == 0
    assert cli("replay", "r").code == 0


def _answers(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("- {match: name, answer: Eve}\n")
    return path


def test_only_debug_shows_a_traceback(process):
    out, err = process("resume", "none", "--debug").communicate(timeout=120)
    assert "Traceback" in err
    assert "UsageError: none is not a run folder" in err
    assert not out
