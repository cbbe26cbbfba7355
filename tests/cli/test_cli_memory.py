"""``agentkit remember`` and ``agentkit memory``."""

from __future__ import annotations

import json

import pytest
from memory_runs import a_run

RIGHT = ['type "ann" into textbox "Name"', 'type "pw" into textbox "Password"', 'click button "Log in"']
HASTY = ['type "bob" into textbox "Name"', 'click button "Log in"']


@pytest.fixture
def runs(tmp_path):
    """A run that succeeded and one that did not."""
    return (
        a_run(tmp_path / "runs" / "good", "Log in as ann", RIGHT),
        a_run(tmp_path / "runs" / "bad", "Log in as bob", HASTY, status="failed", error="wrong password"),
    )


def test_what_is_learned_of_runs_is_listed_shown_and_forgotten(cli, runs) -> None:
    learned = cli("remember", *runs, "--json").json
    assert [entry["kind"] for entry in learned["entries"]] == ["exemplar", "tip"]
    rows = cli("memory", "list", "--json").json
    assert {(row["kind"], row["trust"]) for row in rows} == {("exemplar", "untrusted"), ("tip", "untrusted")}
    (tip,) = cli("memory", "list", "--kind", "tip", "--json").json
    assert "Password" in tip["summary"]

    shown = cli("memory", "show", tip["id"][:8])
    assert "origin: contrast" in shown.out
    assert "runs: bad, good" in shown.out
    exemplar = next(row for row in rows if row["kind"] == "exemplar")
    assert 'step 3: click button "Log in"' in cli("memory", "show", exemplar["id"]).out

    gone = cli("memory", "forget", tip["id"][:8], exemplar["id"], "--json")
    assert [entry["kind"] for entry in gone.json] == ["tip", "exemplar"]
    assert cli("memory", "list", "--json").json == []
    assert "nothing is remembered" in cli("memory").err


def test_forgetting_takes_nothing_when_one_id_is_wrong(cli, runs) -> None:
    kept = cli("remember", runs[0], "--json").json["entries"][0]["id"]
    outcome = cli("memory", "forget", kept, "nowhere")
    assert outcome.code == 2
    assert [row["id"] for row in cli("memory", "list", "--json").json] == [kept]


def test_export_and_import_into_another_folder(cli, runs, tmp_path) -> None:
    cli("remember", *runs)
    cli("memory", "set", "home city", "Hobart")
    assert cli("memory", "export", "all.jsonl", "--json").json["counts"] == {
        "exemplar": 1,
        "tip": 1,
        "fact": 1,
        "step": 0,
    }
    first = cli("memory", "import", "all.jsonl", "--memory", "other", "--json").json
    assert first["counts"] == {"exemplar": 1, "tip": 1, "fact": 1}
    again = cli("memory", "import", "all.jsonl", "--memory", "other", "--json").json
    assert sum(again["counts"].values()) == 0
    before, after = (
        cli("memory", "list", "--memory", place, "--json").json for place in ("agentkit-memory", "other")
    )
    assert sorted(row["id"] for row in before) == sorted(row["id"] for row in after)
    assert cli("memory", "export", "tips.jsonl", "--kind", "tip", "--json").json["counts"] == {"tip": 1}


def test_a_file_of_another_version_is_refused_whole(cli, runs, tmp_path) -> None:
    cli("remember", runs[0])
    cli("memory", "export", "all.jsonl")
    line = json.loads((tmp_path / "all.jsonl").read_text())
    (tmp_path / "new.jsonl").write_text(
        json.dumps({**line, "task": "Other"}) + "\n" + json.dumps({**line, "version": 7})
    )
    outcome = cli("memory", "import", "new.jsonl")
    assert outcome.code == 2
    assert "new.jsonl:2: exemplar of version 7" in outcome.err
    assert len(cli("memory", "list", "--json").json) == 1


def test_facts_are_set_replaced_and_confirmed(cli, tmp_path) -> None:
    cli("memory", "set", "home city", "Oslo")
    cli("memory", "set", "home city", "Hobart")
    rows = cli("memory", "list", "--kind", "fact", "--json").json
    assert {row["summary"].partition(" (")[0] for row in rows} == {"home city: Oslo", "home city: Hobart"}
    claim = {"kind": "fact", "version": 1, "attribute": "diet", "value": "vegan", "source": "reported"}
    (tmp_path / "claim.jsonl").write_text(json.dumps(claim))
    cli("memory", "import", "claim.jsonl")
    (row,) = cli("memory", "list", "--about", "diet", "--limit", "1", "--json").json
    assert "not confirmed" in row["summary"]
    assert row["similarity"] > 0.3
    assert "confirmed fact" in cli("memory", "confirm", row["id"]).err
    assert cli("memory", "show", row["id"]).code == 2


def test_tips_by_a_model_of_the_users_choice(cli, runs, tmp_path) -> None:
    reply = json.dumps({"tips": ["Fill in every field first."]})
    (tmp_path / "replies.jsonl").write_text(json.dumps({"text": reply}))
    outcome = cli("remember", runs[1], "--distil", "--decide", "script:replies.jsonl", "--json")
    (tip,) = outcome.json["entries"]
    assert (tip["text"], tip["origin"], tip["trust"]) == (
        "Fill in every field first.",
        "failure",
        "untrusted",
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("memory", "show"), "takes an ID"),
        (("memory", "forget"), "one or more IDs"),
        (("memory", "set", "diet"), "an ATTRIBUTE and its VALUE"),
        (("memory", "list", "x"), "takes nothing"),
        (("memory", "list", "--kind", "dream"), "exemplar, tip, fact, step"),
        (("memory", "import", "nowhere.jsonl"), "can't be read"),
        (("memory", "show", "x", "--about", "y"), "agentkit memory list"),
        (("memory", "dream"), "dream"),
        (("remember", "nowhere"), "not a run folder"),
    ],
)
def test_wrong_use_says_what_would_be_right(cli, words, told) -> None:
    outcome = cli(*words)
    assert outcome.code == 2
    assert told in outcome.err


def test_an_unfinished_run_says_how_to_finish_it(cli, runs, tmp_path) -> None:
    from agentkit.runs.folder import RunFolder

    folder = RunFolder.open(runs[0])
    folder.info.result = None
    folder.save()
    outcome = cli("remember", runs[0])
    assert outcome.code == 2
    assert f"agentkit resume {runs[0]}" in outcome.err


def test_a_failure_with_nothing_to_compare_teaches_nothing(cli, runs) -> None:
    outcome = cli("remember", runs[1])
    assert outcome.code == 0
    assert "nothing was learned" in outcome.err
