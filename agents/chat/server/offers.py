"""Which models can be picked on the page, and what each needs before it is there."""

from __future__ import annotations

from agentkit.models.listing import Row, is_pattern, rows_of
from agentkit.runtime.cast import ROLES

from ..agent import INSTRUCTIONS
from .casts import SharedCast
from .config import ServerConfig
from .schema import ModelOffer, Offers, RoleState


def offers(cast: SharedCast, config: ServerConfig, *, free: bool) -> Offers:
    """Return the models of the settings, the embedded ones, and those that somebody has picked already."""
    defaults = {role: cast.reference(role) for role in ROLES}
    listed = {row.reference: row for row in rows_of(config.settings) if row.roles != ["embed"]}
    rows = [row for row in listed.values() if not is_pattern(row.reference)]
    named = dict.fromkeys([*defaults.values(), *cast.known()])
    rows += [Row(reference, "in use here") for reference in named if reference not in listed]
    return Offers(
        models=[_offer(row, [cast.state(role, row.reference) for role in ROLES]) for row in rows],
        defaults=defaults,
        strategy=config.strategy,
        instructions=INSTRUCTIONS,
        free=free,
    )


def _offer(row: Row, states: list[RoleState]) -> ModelOffer:
    # What is loaded in one role is loaded.
    best = max(states, key=lambda item: ("failed", "not loaded", "loading", "ready").index(item.state))
    missing = best.state == "not loaded" and row.state == "missing"
    known = {name for name, value in (row.capabilities or {}).items() if value is True}
    able = known or set(best.capabilities)
    roles = [name for name, role in ROLES.items() if able & set(role.needs)] if able else None
    return ModelOffer(
        reference=row.reference,
        what=row.what,
        state="missing" if missing else best.state,
        mend=row.mend if missing else best.error,
        roles=roles,
        capabilities=sorted(able),
        context=best.context,
    )
