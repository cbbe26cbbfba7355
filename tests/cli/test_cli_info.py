"""The commands that only look: schema, models, doctor, eval, bench."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import jsonschema
import pytest

from agentkit.cli import doctor as doctor_command
from agentkit.cli.main import COMMANDS
from agentkit.contracts import NAMES, schema
from agentkit.contracts.evaluation import Evaluation, Metric


def test_help_names_every_command_and_its_flags(cli):
    top = cli("--help")
    assert top.code == 0
    for name in COMMANDS:
        assert name in top.out
        page = cli(name, "--help")
        assert page.code == 0
        for flag in ("--json", "--model", "--see", "--decide", "--no-input", "--answers", "--out", "--cache"):
            assert flag in page.out
    assert "agentkit 0." in cli("--version").out


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_printed(cli, name):
    assert cli("schema", name).json == schema(name)


def test_schemas_are_listed(cli):
    assert cli("schema").out.split() == list(NAMES)
    assert cli("schema", "--json").json == {"schemas": list(NAMES)}


def test_models_lists_references_roles_and_what_is_missing(cli, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    rows = {row["reference"]: row for row in cli("models", "--json").json}
    assert rows["mini"]["roles"] == ["see"]
    assert rows["smollm2"]["roles"] == ["decide"]
    assert rows["minilm"]["roles"] == ["embed"]
    assert rows["openai:NAME"]["state"] == "missing"
    assert "OPENAI_API_KEY" in rows["openai:NAME"]["mend"]
    assert "smollm2" in cli("models").out


def test_models_shows_what_the_flags_and_the_file_choose(cli):
    Path("r.jsonl").write_text('{"text": "x"}\n')
    Path("agentkit.toml").write_text('[models."http://localhost:9/v1#small"]\nimages = false\n')
    rows = {r["reference"]: r for r in cli("models", "--json", "--model", "script:r.jsonl").json}
    assert rows["script:r.jsonl"]["roles"] == ["see", "decide"]
    assert rows["script:r.jsonl"]["capabilities"]["scoring"] is True
    assert rows["http://localhost:9/v1#small"]["capabilities"]["images"] is False
    assert rows["mini"]["roles"] == []
    gone = {r["reference"]: r for r in cli("models", "--json", "--see", "script:none.jsonl").json}
    assert gone["script:none.jsonl"]["state"] == "missing"


def test_doctor_says_what_is_missing_and_the_command_that_mends_it(cli, monkeypatch):
    found = cli("doctor", "--json")
    checks = {check["name"]: check for check in found.json["checks"]}
    assert checks["python"]["state"] == "ok"
    assert {"extra local", "extra web", "browser", "runs folder", "model smollm2"} <= set(checks)
    assert found.code == (0 if found.json["status"] == "ok" else 5)
    monkeypatch.setitem(doctor_command.EXTRAS, "local", ("torch", "no_such_library"))
    monkeypatch.setitem(doctor_command.EXTRAS, "vision", ("no_such_library",))
    broken = cli("doctor")
    assert broken.code == 5
    assert "pip install 'agentkit-multimodal[local]'" in broken.out
    assert "– extra vision" in broken.out


def test_doctor_names_a_browser_that_is_not_there(cli, monkeypatch):
    checks = {
        c["name"]: c for c in cli("doctor", "--json", env={"AGENTKIT_BROWSER": "/no/browser"}).json["checks"]
    }
    assert checks["browser"]["state"] == "optional"
    assert "/no/browser" in checks["browser"]["detail"]


def test_the_demo_says_first_that_there_is_no_browser(cli):
    found = cli("demo", "--out", "here", env={"AGENTKIT_BROWSER": "/no/browser"})
    assert found.code == 2
    assert "/no/browser" in found.err
    assert "1. See" not in found.err + found.out


@pytest.fixture
def registry(monkeypatch):
    """Put one evaluation and no bench in the place of the real ones."""
    fake = types.ModuleType("cli_fake_registry")

    async def tiny(settings, out):
        metrics = {"right": Metric(mean=0.5, low=0.2, high=0.8, n=4)}
        return Evaluation(name="tiny", model=settings.model or "none", items=4, metrics=metrics, run=str(out))

    vars(fake).update(EVALS={"tiny": "cli_fake_registry:tiny"}, BENCHES={}, tiny=tiny)
    monkeypatch.setitem(sys.modules, "cli_fake_registry", fake)
    monkeypatch.setattr("agentkit.cli.evaluate.REGISTRY", "cli_fake_registry")


@pytest.mark.usefixtures("registry")
def test_evaluations_by_name(cli):
    assert cli("eval").out.strip() == "tiny"
    assert cli("bench", "--json").json == {"names": []}
    done = cli("eval", "tiny", "--json", "--model", "mini", "--out", "here")
    jsonschema.validate(done.json, schema("eval"))
    assert (done.json["model"], done.json["run"]) == ("mini", "here")
    assert "right: 0.500 [0.200, 0.800] of 4" in cli("eval", "tiny").out
    unknown = cli("eval", "huge")
    assert unknown.code == 2
    assert "tiny" in unknown.err


def test_real_evaluations_can_be_loaded(cli):
    from agentkit.cli.kinds import load_object

    for table in ("EVALS", "BENCHES"):
        for place in load_object(f"agentkit.evals.registry:{table}").values():
            assert callable(load_object(place))


def test_json_lists_are_lists(cli):
    for command in ("runs", "models"):
        assert isinstance(json.loads(cli(command, "--json").out), list)
