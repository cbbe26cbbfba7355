"""Settings: their order, their files and their errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentkit.config import Settings, find_file
from agentkit.errors import UsageError


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AGENTKIT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    settings = Settings.load()
    assert settings.model is None
    assert settings.approve == "ask"
    assert settings.cache is None
    assert settings.runs == Path("runs")


def test_flags_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agentkit.toml").write_text(
        'model = "file"\nsee = "file"\ndecide = "file"\n[request]\nretries = 1\nread = 5\n'
    )
    monkeypatch.setenv("AGENTKIT_SEE", "environment")
    monkeypatch.setenv("AGENTKIT_DECIDE", "environment")
    monkeypatch.setenv("AGENTKIT_REQUEST__READ", "7")
    settings = Settings.load(decide="flag", max_steps=None)
    assert (settings.model, settings.see, settings.decide) == ("file", "environment", "flag")
    assert (settings.request.retries, settings.request.read) == (1, 7)


def test_the_file_is_found_upward_and_its_paths_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agentkit.toml").write_text('runs = "out"\ncache = "off"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_file(Path.cwd()) == tmp_path / "agentkit.toml"
    settings = Settings.load()
    assert settings.runs == tmp_path / "out"
    assert settings.cache is None


def test_what_is_declared_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "agentkit.toml").write_text(
        '[models."http://h:1/v1"]\nimages = false\nschema = false\n'
        '[models."http://h:1/v1#big"]\ncontext = 9\ninput_price = 1.0\n'
    )
    settings = Settings.load()
    assert settings.of("http://h:1/v1#small").images is False
    assert settings.of("http://h:1/v1#small").json_schema is False
    assert settings.of("http://h:1/v1#big").context == 9
    assert settings.of("http://h:1/v1#big").images is None
    assert settings.of("mini").images is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('modle = "x"', ["modle", "unknown key", "did you mean model"]),
        ("[request]\nretry = 1", ["request.retry", "unknown key", "did you mean retries"]),
        ('[models."http://x"]\nimags = true', ["imags", "did you mean images"]),
        ("max_steps = 0", ["max_steps", "greater than"]),
        ('approve = "maybe"', ["approve"]),
        ("model = ", ["not valid TOML"]),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, parts: list[str]) -> None:
    (tmp_path / "agentkit.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        Settings.load()
    for part in (str(tmp_path / "agentkit.toml"), *parts):
        assert part in str(caught.value)


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTKIT_MAX_STEPS", "many")
    with pytest.raises(UsageError, match="AGENTKIT_MAX_STEPS: max_steps"):
        Settings.load()
    monkeypatch.delenv("AGENTKIT_MAX_STEPS")
    monkeypatch.setenv("AGENTKIT_MODELS", "{bad")
    with pytest.raises(UsageError, match="models"):
        Settings.load()


def test_a_wrong_flag_is_named() -> None:
    with pytest.raises(UsageError, match="nope: unknown key"):
        Settings.load(nope=1)


def test_other_variables_of_agentkit_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTKIT_API_KEY", "secret")
    assert "secret" not in repr(Settings.load())


def test_the_pixel_limit_holds_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentkit.content import image

    monkeypatch.setattr(image, "MAX_PIXELS", image.MAX_PIXELS)
    Settings.load(max_pixels=10).apply()
    assert image.max_pixels() == 10


def test_a_misspelt_variable_is_hinted_at(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AGENTKIT_MODLE", "x")
    monkeypatch.setenv("AGENTKIT_API_KEY", "secret")
    Settings.load()
    assert "AGENTKIT_MODLE is not a setting: did you mean AGENTKIT_MODEL?" in caplog.text
    assert "API_KEY" not in caplog.text


def test_a_missing_file_in_the_way_or_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "agentkit.toml").mkdir()
    assert find_file(tmp_path) is None


def test_browser_and_memory_of_the_file_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from agentkit.memory import default_folder
    from agentkit.tools.browser import find_browser

    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "agentkit.toml").write_text('browser = "chromium"\nmemory = "kept"\n')
    monkeypatch.chdir(tmp_path)
    for name in ("AGENTKIT_BROWSER", "AGENTKIT_MEMORY"):
        # Set, then taken away: what the test's own call sets is taken away with it.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    Settings.load().apply()
    assert find_browser() == program
    assert default_folder() == tmp_path / "kept"
