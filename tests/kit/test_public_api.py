"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "transformers",
    "chromadb",
    "playwright",
    "langgraph",
    "langchain_core",
    "openai",
    "numpy",
    "PIL",
)


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh Python has loaded after ``code``."""
    show = "\nimport sys; print(); print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + show], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_import_loads_nothing_heavy():
    before, after = loaded_after("pass"), loaded_after("import agentkit")
    assert not after & set(HEAVY)
    # Next to nothing but the standard library: what is quick by construction needs no stopwatch.
    assert after - before - set(sys.stdlib_module_names) <= {"agentkit"}


@pytest.mark.parametrize("command", ["--help", "schema", "runs", "models", "doctor"])
def test_the_light_commands_load_no_model_library(command):
    code = (
        f"import sys; sys.argv = ['agentkit', {command!r}]\n"
        "from agentkit.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass"
    )
    assert not loaded_after(code) & {"torch", "transformers", "chromadb", "langgraph"}


def test_unknown_names_are_attribute_errors():
    import agentkit

    with pytest.raises(AttributeError, match="nonsense"):
        _ = agentkit.nonsense


def test_every_public_name_is_there():
    import agentkit

    for name in agentkit.__all__:
        assert getattr(agentkit, name) is not None
    assert set(agentkit.__all__) <= set(dir(agentkit))
