"""``agentkit schema``: the published contracts."""

from __future__ import annotations

from typing import Annotated

import typer

from .flags import Flags


def schema(
    name: Annotated[
        str | None, typer.Argument(help="Which contract; all names are listed without it.")
    ] = None,
    *,
    flags: Flags,
) -> None:
    """Print the JSON Schema of a contract."""
    from .. import contracts
    from .terminal import print_json, show

    if name is not None:
        print_json(contracts.schema(name))
    elif flags.json:
        print_json({"schemas": list(contracts.NAMES)})
    else:
        show(*contracts.NAMES)
