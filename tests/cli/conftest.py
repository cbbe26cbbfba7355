"""The command line, run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from agentkit.cli import kinds
from agentkit.cli.main import app


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run a command in a fresh folder, without the environment's own settings."""
    import os

    for name in [name for name in os.environ if name.startswith("AGENTKIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any, env: dict[str, str] | None = None, typed: str | None = None) -> Outcome:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=env, input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the small agent play the web agent."""
    monkeypatch.setitem(kinds.KINDS, "web", "cli_toy:ToyAgent")
