"""The README and the pages of docs/ say what is: their blocks run, their commands, flags and links exist."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from blocks import ROOT, Block, Command, blocks, commands, fits, pages
from typer.testing import CliRunner

from agentkit import errors
from agentkit.cli.main import COMMANDS, GROUPS, app
from agentkit.contracts import NAMES, schema

RUNNABLE = [page for page in pages() if any(block.mark == "run" for block in blocks(page))]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", RUNNABLE, ids=named)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AGENTKIT_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    _materials(tmp_path)
    for block in blocks(page):
        if block.mark.startswith("file:"):
            (tmp_path / block.mark.removeprefix("file:").strip()).write_text(block.text)
        elif block.mark == "run" and block.language == "python":
            exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})
        elif block.mark == "run":
            for command in commands(block.text):
                _check_command(command, block)


def _check_command(command: Command, block: Block) -> None:
    code, out, err = _run(command.line)
    where = f"{block.place}: {command.line}\n{out}\n{err}"
    if command.code is not None:
        assert code == command.code, f"exit code {code}: {where}"
    # Which of the two streams a terminal shows first is nothing that a page promises.
    assert any(fits(command.output, way) for way in (out, err, err + out, out + err)), where


def _run(line: str) -> tuple[int, str, str]:
    """Run a line of a console; agentkit itself runs in this process, which has it loaded."""
    words = shlex.split(line, comments=True)
    start = next((place for place, word in enumerate(words) if "=" not in word), len(words))
    if words[start : start + 1] == ["agentkit"] and not {"|", ">", "&&", ";"} & set(words):
        given = dict(word.split("=", 1) for word in words[:start])
        result = CliRunner().invoke(app, words[start + 1 :], env=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", line], env=environment, text=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout, done.stderr


def _materials(folder: Path) -> None:
    """Make the files that pages speak of: a picture with a small red square, and small scripts of replies."""
    from PIL import Image, ImageDraw

    street = Image.new("RGB", (1200, 800), (180, 200, 170))
    ImageDraw.Draw(street).rectangle((900, 500, 930, 530), fill=(200, 30, 30))
    street.save(folder / "street.png")
    (folder / "empty.jsonl").write_text("")
    (folder / "hello.jsonl").write_text('{"text": "Hello."}\n')


@pytest.mark.parametrize("page", pages(), ids=named)
def test_commands_and_flags_that_a_page_names_exist(page):
    for block in blocks(page):
        if block.language in ("console", "sh", "bash"):
            for line in block.text.splitlines():
                _check_line(line.removeprefix("$ "), block)


def _check_line(line: str, block: Block) -> None:
    found = re.search(rf"(?:^|\s)agentkit ((?:{'|'.join(GROUPS)}) \w+|\w+)(.*)", line)
    if found is None:
        return
    name, rest = found[1], found[2]
    assert name.partition(" ")[0] in {*COMMANDS, *GROUPS}, f"{block.place}: there is no command {name}"
    known = _flags_of(name)
    for word in shlex.split(rest, comments=True):
        if word.startswith("--"):
            assert word.partition("=")[0] in known, f"{block.place}: agentkit {name} has no {word}"


def test_whatever_a_reader_may_type_is_run_here_or_says_why_not():
    own = [
        ROOT / "README.md",
        ROOT / "docs" / "cli.md",
        ROOT / "docs" / "runs.md",
        *(ROOT / "docs" / "errors").iterdir(),
    ]
    for page in own:
        for block in blocks(page):
            if block.language in ("console", "sh", "bash", "python"):
                marked = block.mark == "run" or block.mark.startswith("not run: ")
                assert marked or _is_make(block), f"{block.place} is not marked"


def _is_make(block: Block) -> bool:
    """Return whether a block is about targets of the Makefile alone, which must be there."""
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    lines = [line.removeprefix("$ ").split() for line in block.text.splitlines() if line.strip()]
    return all(words[0] == "make" and words[1] in targets for words in lines)


def _flags_of(name: str) -> set[str]:
    command = typer.main.get_command(app)
    for word in name.split():
        assert word in command.commands, f"there is no command {name}"  # type: ignore[attr-defined]
        command = command.commands[word]  # type: ignore[attr-defined]
    return {flag for parameter in command.params for flag in parameter.opts} | {"--help"}


@pytest.mark.parametrize("page", pages(), ids=named)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if not re.match(r"\w+:", link):
            assert (page.parent / link).exists(), f"{named(page)} links to {link}"


def test_every_error_has_a_page():
    classes = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)
    }
    assert classes == {page.stem for page in (ROOT / "docs" / "errors").glob("*.md")}


def test_the_page_of_the_command_line_names_every_command():
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for name in (*COMMANDS, *GROUPS):
        assert re.search(rf"`{name}\b|, `{name}\b", text), name


@pytest.mark.parametrize("name", NAMES)
def test_contracts_have_schemas(name):
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schema(name))
