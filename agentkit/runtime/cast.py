"""Who plays which role in an agent: models the caller made, else the roles of the settings."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..config import Settings
from ..errors import UnsupportedCapability, UsageError
from ..models.base import INSTEAD, Model
from ..models.embed import Embedder
from ..models.roles import DECIDE, SEE, Role, Roles

log = logging.getLogger(__name__)
ROLES: dict[str, Role] = {"see": SEE, "decide": DECIDE}


class Cast:
    """Gives the model of a role; a ``Model`` object given for a role is used as it is and not closed here."""

    def __init__(
        self,
        settings: Settings,
        *,
        model: str | Model | None = None,
        see: str | Model | None = None,
        decide: str | Model | None = None,
    ) -> None:
        named = {"model": model, "see": see, "decide": decide}
        references = {key: value for key, value in named.items() if isinstance(value, str)}
        self.settings = settings.model_copy(update=references)
        self._given = {key: value for key, value in named.items() if isinstance(value, Model)}
        # Who is told of a fallback; an agent's run puts its own listener here.
        self.warn: Callable[[str], None] = log.warning
        self._roles = Roles(self.settings, warn=lambda text: self.warn(text))

    async def get(self, role: str) -> Model:
        """Return the model of ``see`` or ``decide``. Raises ``UnsupportedCapability`` when it can't play it."""
        if role not in ROLES:
            raise UsageError(f"there is no role {role!r}", mend="one of " + ", ".join(ROLES))
        given = self._given.get(role)
        if given is not None:
            if not ROLES[role].fits(given.capabilities):
                raise UnsupportedCapability(
                    f"{given.reference} can't {role}", mend=INSTEAD[ROLES[role].needs[0]]
                )
            return given
        whole = self._given.get("model")
        if whole is not None and ROLES[role].fits(whole.capabilities):
            return whole
        return await (self._roles.see() if role == "see" else self._roles.decide())

    async def embedder(self) -> Embedder:
        """Return the embedder of texts."""
        return await self._roles.embed()

    def references(self) -> dict[str, str]:
        """Return the references that were chosen, by role; roles left to their defaults are not in it."""
        chosen = {key: getattr(self.settings, key) for key in ("model", "see", "decide", "embed")}
        given = {key: model.reference for key, model in self._given.items()}
        return {key: value for key, value in {**chosen, **given}.items() if value is not None}

    async def aclose(self) -> None:
        """Close the models that were loaded here."""
        await self._roles.aclose()
