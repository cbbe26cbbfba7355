"""``agentkit demo``: the four parts on the embedded models."""

from __future__ import annotations

import typer

from .flags import Flags


def demo(*, flags: Flags) -> None:
    """Show seeing, acting, asking and remembering, offline, on the embedded models."""
    from .demo import run_demo

    if code := run_demo(flags):
        raise typer.Exit(code)
