"""Secrets and files that the user gives: used where they belong, and kept out of everything that is kept."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from agentkit.agents.web import WebAgent
from agentkit.errors import UsageError
from agentkit.memory.remember import exemplar_of
from agentkit.runs.folder import RunFolder
from agentkit.runs.report import write_report
from agentkit.tools.browser import Secret
from agentkit.tools.browser.redact import Redactor
from tests.results import output_of, question_of, run_of

from .chooser import Chooser
from .writer import Writer, steps

VALUE = "corr3ct h0rse/ß"
LOGIN = (
    'type "ada" into textbox "User name"',
    'type "<secret:password>" into textbox "Password"',
    'click button "Log in"',
    "finish",
)
TASK = 'Log in as user name "ada".'


@pytest.fixture
def secret(site, monkeypatch) -> str:
    monkeypatch.setenv("SHOP_PASSWORD", VALUE)
    return f"password@127.0.0.1:{site.port}=env:SHOP_PASSWORD"


def leaks(run: str) -> list[str]:
    """Return the files of a run that hold the value, in the open or encoded; ``browser.json`` is private."""
    redactor, found = Redactor({"x": VALUE}), []
    for path in Path(run).rglob("*"):
        if not path.is_file() or path.name == "browser.json":
            continue
        text = path.read_bytes().decode("utf-8", errors="replace")
        if redactor.spans(text) or VALUE in text:
            found.append(path.name)
    return found


@pytest.mark.parametrize("method", ["post", "get"])
async def test_a_login_leaves_the_secret_in_no_file_and_in_no_prompt(site, browser, secret, method) -> None:
    web = WebAgent(Chooser(*LOGIN), memory="off", browser=browser, approve="auto", secrets=[secret])
    said: list[str] = []
    web.listeners.append(lambda event: said.append(event.model_dump_json()))
    result = await web.arun(TASK, url=f"{site.url}/account?method={method}")
    assert site.effects.logins == [{"user": "ada", "password": VALUE}]
    assert result.status == "done"
    assert [step["action"] for step in output_of(result)["steps"]] == list(LOGIN[:3])
    # The report, and what is remembered of the run, are made of its files.
    folder = RunFolder.open(Path(run_of(result)))
    write_report(folder.path)
    assert leaks(run_of(result)) == []
    assert Redactor({"x": VALUE}).spans(exemplar_of(folder).model_dump_json()) == []
    assert Redactor({"x": VALUE}).spans("\n".join([*said, result.model_dump_json()])) == []
    # The page says it in many ways, and each was seen with its name.
    observed = [json.loads(line) for line in said if '"observed"' in line][-1]
    assert observed["text"].count("<secret:password>") >= 4
    assert "plain=<secret:password>" in observed["url"]
    kept = Path(run_of(result)) / "browser.json"
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_the_checkpoint_holds_no_secret_either(site, browser, secret) -> None:
    web = WebAgent(Chooser(*LOGIN), memory="off", browser=browser, secrets=[secret])
    result = await web.arun(TASK, url=f"{site.url}/account")
    assert result.status == "needs_input"
    question = question_of(result)
    assert f"127.0.0.1:{site.port}" in question.text
    assert "<secret:password>" in (question.why or "")
    with sqlite3.connect(Path(run_of(result)) / "checkpoint.sqlite") as base:
        dump = "\n".join(base.iterdump())
    assert VALUE not in dump
    assert VALUE.encode().hex() not in dump.lower()


async def test_a_run_goes_on_only_with_its_secret(site, browser, secret, monkeypatch) -> None:
    made = {"memory": "off", "browser": browser}
    paused = await WebAgent(Chooser(*LOGIN), secrets=[secret], **made).arun(TASK, url=f"{site.url}/account")
    options = json.loads((Path(run_of(paused)) / "run.json").read_text())["settings"]
    monkeypatch.delenv("SHOP_PASSWORD")
    again = WebAgent(Chooser(*LOGIN), secrets=options["secrets"], **made)
    with pytest.raises(UsageError, match="SHOP_PASSWORD"):
        await again.aresume(paused, "yes")
    assert site.effects.logins == []
    monkeypatch.setenv("SHOP_PASSWORD", VALUE)
    assert (await again.aresume(paused, "yes")).status == "done"
    assert site.effects.logins == [{"user": "ada", "password": VALUE}]
    # A replay shows what was recorded, and needs no secret.
    monkeypatch.delenv("SHOP_PASSWORD")
    assert (await WebAgent(memory="off", secrets=options["secrets"]).areplay(run_of(paused))).status == "done"


async def test_a_task_that_holds_the_secret_is_refused(site, browser, secret) -> None:
    web = WebAgent(Chooser(), memory="off", browser=browser, secrets=[secret])
    with pytest.raises(UsageError, match="write <secret:password> instead") as refused:
        await web.arun(f'Log in with "{VALUE}"', url=site.url)
    assert VALUE not in str(refused.value)


def test_two_secrets_of_one_name_and_secrets_beside_a_video_are_refused() -> None:
    two = [Secret("a", "example.com", value="12345"), Secret("a", "example.org", value="12345")]
    with pytest.raises(UsageError, match="two secrets"):
        WebAgent(Chooser(), secrets=two)
    with pytest.raises(UsageError, match="video"):
        WebAgent(Chooser(), secrets=two[:1], browser={"video": "video"})


async def test_a_secret_is_offered_where_it_belongs_only(site, browser, secret) -> None:
    chooser = Chooser("finish")
    web = WebAgent(chooser, memory="off", browser=browser, secrets=[secret], budget=None)
    await web.arun("Search for mugs.", url=f"{site.url}/shop")
    await web.arun("Log in.", url=f"{site.url}/account")
    offered = [words for options in chooser.asked for words in options if "<secret" in words]
    assert set(offered) == {'type "<secret:password>" into textbox "Password"'}
    elsewhere = Chooser("finish")
    web = WebAgent(elsewhere, memory="off", browser=browser, secrets=[secret])
    await web.arun("Log in.", url=f"{site.localhost}/account")
    assert "<secret" not in str(elsewhere.asked)


async def test_a_model_that_writes_names_the_secret_and_never_sees_it(site, browser, secret) -> None:
    writer = Writer(
        steps(
            ("fill", 'textbox "Password"', "<secret:password>"),
            ("fill", 'textbox "User name"', "<secret:password>"),
        )
    )
    web = WebAgent(writer, memory="off", policy="generate", browser=browser, secrets=[secret])
    result = await web.arun("Log in.", url=f"{site.url}/account")
    # Into a field that shows what it holds only when the user says so.
    assert "no place that keeps a secret" in (question_of(result).why or "")
    assert all(f"<secret:password> (for 127.0.0.1:{site.port})" in prompt for prompt in writer.prompts)
    assert Redactor({"x": VALUE}).spans("\n".join(writer.prompts)) == []


async def test_the_command_line_takes_no_value(tmp_path) -> None:
    from typer.testing import CliRunner

    from agentkit.cli.main import app

    line = ["web", "Log in", "--url", "http://127.0.0.1:9/", "--secret", "password@127.0.0.1:9=hunter2"]
    ended = CliRunner().invoke(app, line, env={"AGENTKIT_RUNS": str(tmp_path)})
    assert ended.exit_code == 2
    assert "=env:VARIABLE" in ended.stderr
    assert "hunter2" not in ended.output


# ---- files ----


async def test_a_file_that_the_user_named_is_given_and_no_other(site, browser, tmp_path) -> None:
    named, other = tmp_path / "cv.txt", tmp_path / "diary.txt"
    named.write_text("about me")
    other.write_text("not for you")
    chooser = Chooser('give "cv.txt" to file "Attachment"', 'click button "Hand in"', "finish")
    web = WebAgent(chooser, memory="off", browser=browser, approve="auto", uploads=[named])
    result = await web.arun("Hand in my CV.", url=f"{site.url}/upload.html")
    assert result.status == "done"
    assert len(site.uploaded) == 1
    assert "about me" in site.uploaded[0]
    assert not any("Hand in" in str(options) and "give" in str(options) for options in chooser.asked)
    refused = Writer(
        steps(
            ("upload_file", 'file "Attachment"', str(other)),
            ("upload_file", 'file "Attachment"', "diary.txt"),
        )
    )
    web = WebAgent(refused, memory="off", policy="generate", browser=browser, approve="auto", uploads=[named])
    result = await web.arun("Hand in my CV.", url=f"{site.url}/upload.html")
    history = json.dumps(output_of(result))
    assert "not for you" not in str(site.uploaded) + history
    assert any("may not be uploaded" in prompt for prompt in refused.prompts)


def test_what_is_no_file_can_not_be_named(tmp_path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        WebAgent(Chooser(), uploads=[tmp_path / "nothing.txt"])
    (tmp_path / "a").mkdir()
    for folder in (tmp_path, tmp_path / "a"):
        (folder / "cv.txt").write_text("x")
    with pytest.raises(UsageError, match="two files"):
        WebAgent(Chooser(), uploads=[tmp_path / "cv.txt", tmp_path / "a" / "cv.txt"])


async def test_downloads_are_listed_in_the_result(site, browser) -> None:
    web = WebAgent(Chooser("finish", 'click link "Download"'), memory="off", browser=browser)
    result = await web.arun("Download the table.", url=f"{site.url}/index.html")
    assert output_of(result)["downloads"] == ["downloads/data.csv"]
    assert (Path(run_of(result)) / "downloads" / "data.csv").read_text() == "a,b\n1,2\n"
    assert os.listdir(Path(run_of(result)) / "downloads") == ["data.csv"]
    again = await WebAgent(memory="off").areplay(run_of(result))
    assert output_of(again)["downloads"] == ["downloads/data.csv"]
