"""Make .links/agentkit: the installed shape of the package, for pyright's view of tests and examples."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIBLINGS = ("tools", "memory", "agents", "evals")


def main() -> None:
    """Link every part of the kit, and its siblings, under one folder."""
    target = ROOT / ".links" / "agentkit"
    target.mkdir(parents=True, exist_ok=True)
    wanted = {path.name: path for path in (ROOT / "agentkit").iterdir() if path.name != "__pycache__"}
    wanted |= {name: ROOT / name for name in SIBLINGS}
    for link in target.iterdir():
        if link.name not in wanted:
            link.unlink()
    for name, path in wanted.items():
        link = target / name
        if not link.is_symlink():
            link.symlink_to(path)


if __name__ == "__main__":
    main()
