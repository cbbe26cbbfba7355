"""The page about models: its settings are valid, its scripts load, its Python runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from agentkit.config import Settings
from agentkit.models.script import ScriptModel

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", blocks("toml"))
def test_settings(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agentkit.toml").write_text(text)
    assert Settings.load() != Settings.model_construct()


async def test_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (script,) = blocks("jsonl")
    (tmp_path / "replies.jsonl").write_text(script)
    assert ScriptModel.load(tmp_path / "replies.jsonl").left == 4
    names: dict[str, object] = {}
    for text in blocks("python"):
        # The blocks use await at top level, as a notebook does.
        code = compile(text, "models.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if result is not None:
            await result
    assert capsys.readouterr().out == "Hello. 1\nHELLO.\n"
