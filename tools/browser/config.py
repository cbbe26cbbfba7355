"""How a browser session behaves, and how that is written down for a run that goes on later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import TypeAdapter, ValidationError

from agentkit.errors import UsageError

from .secrets import Secret
from .upstream import HIDDEN, Upstream, without_credentials

PROXY_VARIABLE = "AGENTKIT_PROXY"
# What a run sets by itself.
OF_A_RUN = frozenset({"start", "allow", "sandbox", "downloads", "uploads", "secrets"})


@dataclass(frozen=True)
class SessionConfig:
    """The settings of a session. Times are in seconds.

    ``start`` and ``allow`` make the allow-list (see ``AllowList.of``). ``assets="any"`` lets allowed pages
    load sub-resources from elsewhere, by GET only. ``downloads`` is the folder for downloads (None: they
    are refused), ``uploads`` the files that may be given to a page (beside what was downloaded), ``secrets`` the values
    that are typed by name. ``sandbox`` declares that nothing on the allowed hosts is real, so that no action counts
    as irreversible. ``root`` and ``ignore`` are CSS selectors of what observations read and leave out.

    ``dialogs``: a page's questions are dismissed; with ``"ask"`` an agent then asks its user whether to do the action
    again and accept.

    How the browser is opened: ``headed`` in a window; with ``profile``, a folder in which cookies and storage stay
    between sessions; or ``cdp``, the address of a running browser, in which the session gets a context of its own.
    ``proxy`` is an ``http``, ``https`` or ``socks5`` URL, with credentials if need be: what the allow-list lets
    through goes there. ``video`` is a folder for a video of each tab. With ``read_only`` pages send nothing.

    ``load_timeout`` bounds a navigation, ``action_timeout`` an action on an element, ``settle_timeout`` the
    wait for its effect (``quiet`` without a change ends it), ``send_timeout`` the wait for the answer to what a
    script sent (not by GET), ``respond_timeout`` one look at a page.
    """

    start: str | None = None
    allow: tuple[str, ...] = ()
    assets: Literal["same", "any"] = "same"
    viewport: tuple[int, int] = (1280, 720)
    downloads: Path | None = None
    uploads: tuple[Path, ...] = ()
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    max_tabs: int = 5
    dialogs: Literal["dismiss", "ask"] = "dismiss"
    load_timeout: float = 15.0
    action_timeout: float = 3.0
    settle_timeout: float = 3.0
    send_timeout: float = 10.0
    respond_timeout: float = 10.0
    quiet: float = 0.06
    headed: bool = False
    profile: Path | None = None
    cdp: str | None = None
    proxy: str | None = field(default=None, repr=False)
    video: Path | None = None
    read_only: bool = False
    sandbox: bool = False
    root: str | None = None
    ignore: str | None = None

    def __post_init__(self) -> None:
        if self.cdp and (self.profile or self.headed):
            raise UsageError(
                "a browser that runs already is attached to as it is: it takes no profile and is not opened headed"
            )
        if self.proxy is not None:
            Upstream.of(self.proxy)

    @classmethod
    def of(cls, given: Self | Mapping[str, Any]) -> SessionConfig:
        """Return the settings of a mapping, such as ``to_json`` gives.

        The credentials of a proxy are not in it: they come from ``AGENTKIT_PROXY``. Raises ``UsageError``.
        """
        if isinstance(given, SessionConfig):
            return given
        data = dict(given)
        unknown = set(data) - {setting.name for setting in fields(cls)}
        if unknown:
            raise UsageError(f"the browser has no setting {', '.join(sorted(unknown))}")
        if HIDDEN in (data.get("proxy") or ""):
            data["proxy"] = _known_proxy(data["proxy"])
        try:
            return TypeAdapter(cls).validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"the browser's setting {where or 'given'}: {first['msg']}") from error

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults and is not set by each run itself, as JSON data without credentials."""
        kept: dict[str, Any] = {}
        for setting in fields(self):
            value = getattr(self, setting.name)
            if setting.name not in OF_A_RUN and value != setting.default:
                kept[setting.name] = _plain(value)
        if self.profile is not None:
            kept["profile"] = str(self.profile.expanduser().absolute())
        if self.uploads:
            kept["uploads"] = [str(path.expanduser().absolute()) for path in self.uploads]
        if self.proxy is not None:
            kept["proxy"] = without_credentials(self.proxy)
        return kept


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _known_proxy(hidden: str) -> str:
    """Return the proxy with its credentials, from the environment. Raises ``UsageError`` when it is another one."""
    named = os.environ.get(PROXY_VARIABLE, "")
    if without_credentials(named) != hidden:
        raise UsageError(
            f"the proxy {hidden.replace(HIDDEN, '')} needs its credentials again",
            mend=f"set {PROXY_VARIABLE}={hidden.replace(HIDDEN, 'user:password@')}",
        )
    return named
