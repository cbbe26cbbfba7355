"""Which models there are: references, what plays which role, what is missing before one can be loaded."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..config import Settings

EMBEDDER = "minilm"
LOCAL_LIBRARIES = ("torch", "transformers")


@dataclass
class Row:
    """A model reference: what it is, the roles it plays now, and whether it can be used.

    ``state``: ``ready``, ``missing`` (``mend`` says what to do), or after ``--load`` ``loaded`` or ``failed``.
    ``capabilities`` is None while they are not known.
    """

    reference: str
    what: str
    roles: list[str] = field(default_factory=list)
    capabilities: dict[str, Any] | None = None
    state: str = "ready"
    mend: str | None = None


def rows_of(settings: Settings) -> Iterator[Row]:
    """Yield the embedded models, those that settings name, and the other kinds of references."""
    from .registry import SCHEMES

    roles = roles_of(settings)
    named = [
        reference
        for reference in (*roles, *settings.models)
        if reference not in ("mini", "smollm2", EMBEDDER)
    ]
    for reference in dict.fromkeys(["mini", "smollm2", EMBEDDER, *named]):
        scheme = SCHEMES.get(reference.partition(":")[0])
        what = scheme.what if scheme else "sentence embeddings, from a package"
        yield _check(Row(reference, what, roles.get(reference, [])), settings)
    for scheme in SCHEMES.values():
        if is_pattern(scheme.example):
            yield _check_pattern(Row(scheme.example, scheme.what), scheme.extra)


def roles_of(settings: Settings) -> dict[str, list[str]]:
    """Return the roles that each reference plays under the settings, as far as is known without loading."""
    from .roles import DECIDE, SEE

    found: dict[str, list[str]] = {}
    for role in (SEE, DECIDE):
        player = getattr(settings, role.name) or settings.model or role.default
        found.setdefault(player, []).append(role.name)
    found.setdefault(settings.embed or EMBEDDER, []).append("embed")
    return found


def load_row(row: Row, settings: Settings) -> None:
    """Load the model of a row, and note what it can do or why it can't be loaded."""
    from ..errors import AgentKitError
    from .embed import load_embedder
    from .registry import load_model

    try:
        if row.roles == ["embed"]:
            row.capabilities = {"dimension": load_embedder(row.reference).dimension}
        else:
            row.capabilities = asdict(load_model(row.reference, settings).capabilities)
        row.state = "loaded"
    except AgentKitError as error:
        row.state, row.mend = "failed", str(error)


def _check(row: Row, settings: Settings) -> Row:
    from ..errors import AgentKitError
    from .embed import load_embedder
    from .local_loading import find
    from .registry import SCHEMES, load_model

    scheme = SCHEMES.get(row.reference.partition(":")[0])
    try:
        if row.roles == ["embed"] or scheme is None:
            load_embedder(row.reference)
            _need_local(row)
        elif scheme.extra is None:
            # Behind an API, or a file of replies: nothing heavy is loaded.
            row.capabilities = asdict(load_model(row.reference, settings).capabilities)
            _need_key(row)
        else:
            find(row.reference)
            _need_local(row)
    except AgentKitError as error:
        row.state, row.mend = "missing", str(error)
    return row


def _check_pattern(row: Row, extra: str | None) -> Row:
    if extra is not None:
        _need_local(row)
    else:
        _need_key(row)
    return row


def _need_local(row: Row) -> None:
    missing = [name for name in LOCAL_LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        row.state, row.mend = (
            "missing",
            f"{missing[0]} is not installed: pip install 'agentkit-multimodal[local]'",
        )


def _need_key(row: Row) -> None:
    if row.reference.startswith("openai:") and not os.environ.get("OPENAI_API_KEY"):
        row.state, row.mend = "missing", "set OPENAI_API_KEY"


def is_pattern(reference: str) -> bool:
    return any(mark in reference for mark in ("NAME", "FILE", "host:port", "Org/Name"))
