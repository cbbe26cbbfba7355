"""``agentkit edits``: the methods that reallocate attention."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from .flags import Flags

if TYPE_CHECKING:
    from ..attention.edits import Edit
    from ..contracts.attention import EditInfo, Parameter


def edits(*, flags: Flags) -> None:
    """List the methods that reallocate attention: parameters, sources, and what each needs of a model."""
    from ..attention.methods.catalog import load
    from ..contracts.attention import Edits
    from .terminal import print_json

    found = Edits(edits=[info_of(method) for method in load()])
    if flags.json:
        print_json(found)
    else:
        _table(found.edits)


def info_of(method: type[Edit]) -> EditInfo:
    """Return what a method's class says about it."""
    from ..attention.edits import Ensemble
    from ..contracts.attention import EditInfo

    text = inspect.getdoc(method) or ""
    return EditInfo(
        name=method.name,
        use=f"{method.__module__}:{method.__name__}",
        summary=" ".join(text.partition("\n\n")[0].split()),
        source=method.source,
        needs=list(method.needs),
        ensemble=issubclass(method, Ensemble),
        parameters=[_parameter(field) for field in dataclasses.fields(method) if field.init],  # type: ignore[arg-type]
    )


def _parameter(field: dataclasses.Field[Any]) -> Parameter:
    from ..contracts.attention import Parameter

    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    required = default is dataclasses.MISSING
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
    return Parameter(
        name=field.name, type=kind, required=required, default=None if required else _plain(default)
    )


def _plain(value: Any) -> Any:
    """Return a default as JSON data."""
    from ..attention.edits import plain

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    found = plain(value)
    return found if isinstance(found, (str, int, float, bool, list, dict, type(None))) else str(found)


def _table(found: list[EditInfo]) -> None:
    from rich.text import Text

    from .terminal import out

    console = out()
    for info in found:
        several = ", several variants of the prompt" if info.ensemble else ""
        console.print(Text.assemble((info.name, "bold"), f"  {info.source}"))
        console.print(Text(f"  {info.summary}"))
        listed = ", ".join(
            item.name if item.required else f"{item.name}={item.default!r}" for item in info.parameters
        )
        console.print(Text(f"  {listed or 'no parameters'}", style="cyan"))
        console.print(Text(f"  needs {', '.join(info.needs)}{several}; {info.use}", style="dim"))
