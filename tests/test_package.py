"""The wheel: the import names of the design, whole, and usable outside of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "agentkit": "agentkit",
    "tools": "agentkit.tools",
    "memory": "agentkit.memory",
    "agents": "agentkit.agents",
    "evals": "agentkit.evals",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_nothing_else_is_at_top_level(site: Path) -> None:
    assert {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")} == {"agentkit"}


def test_every_folder_of_code_is_listed_as_a_package() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = set()
    for folder, name in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            below = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((name, *below)))
    assert set(listed) == found


def test_every_data_file_is_in_the_wheel(site: Path) -> None:
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    wanted = set()
    for line in kept.stdout.splitlines():
        folder, _, rest = line.partition("/")
        if folder in FOLDERS and rest:
            wanted.add(f"{FOLDERS[folder].replace('.', '/')}/{rest}")
    inside = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert wanted <= inside, f"missing from the wheel: {sorted(wanted - inside)}"


def run_outside(site: Path, folder: Path, code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site), "AGENTKIT_RUNS": str(folder / "runs")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wheel_is_what_is_imported(site: Path, tmp_path: Path) -> None:
    out = run_outside(site, tmp_path, "import agentkit, agentkit.tools; print(agentkit.tools.__file__)")
    assert out.startswith(str(site))


def test_mini_answers_from_the_wheel(site: Path, tmp_path: Path) -> None:
    code = (
        "import asyncio; from PIL import Image as P, ImageDraw; from agentkit import Image, Message, load_model\n"
        "p = P.new('RGB', (128, 128), (120, 120, 110)); ImageDraw.Draw(p).ellipse((40, 40, 88, 88), fill=(220, 30, 30))\n"
        "m = load_model('mini')\n"
        "print(asyncio.run(m.generate([Message.user(Image.open(p), 'is there a circle?')])).text)"
    )
    assert run_outside(site, tmp_path, code) in ("yes", "no", "not visible")
