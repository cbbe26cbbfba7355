"""One model in memory for everybody: by role as the settings say, or by reference as somebody picked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from agentkit.config import Settings
from agentkit.errors import AgentKitError
from agentkit.models.base import Model
from agentkit.models.embed import Embedder
from agentkit.models.local import LocalModel
from agentkit.models.registry import load_model
from agentkit.models.roles import Roles
from agentkit.runtime.cast import ROLES, Cast

from .line import Line, QueuedModel, innermost
from .schema import RoleState

log = logging.getLogger(__name__)
_WARN: ContextVar[Callable[[str], None]] = ContextVar("agentkit_warn", default=log.warning)


class CastOfRuns(Cast):
    """A cast that several runs share: whom a fallback is told to is each run's own."""

    @property
    def warn(self) -> Callable[[str], None]:
        return _WARN.get()

    @warn.setter
    def warn(self, tell: Callable[[str], None]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        _WARN.set(tell)


class SharedCast(CastOfRuns):
    """A cast for several runs at once: models are loaded once and stand behind lines.

    A local model computes one call at a time; one behind a network takes ``request.parallel`` of them.
    ``picked`` gives a role to another model than the settings do.
    """

    def __init__(self, settings: Settings, **models: Any) -> None:
        super().__init__(settings, **models)
        self._lines: dict[int, Line] = {}
        self._queued: dict[int, QueuedModel] = {}
        self._states: dict[tuple[str, str], RoleState] = {}
        self._loaded: dict[str, Model] = {}
        self._picked: dict[tuple[str, str], Roles] = {}
        # Guards what is loaded, in the threads that load.
        self._loading = threading.Lock()

    async def get(self, role: str) -> Model:
        return await self._noted(role, self.reference(role), lambda: Cast.get(self, role))

    async def pick(self, role: str, reference: str) -> Model:
        """Return the model of a reference in a role; it stays in memory for everybody.

        Raises what loading it raises, and ``UnsupportedCapability`` when it can't play the role.
        """
        for own in ("see", "decide"):
            # A role's own model may be an object of the caller's, which no reference loads.
            if self.reference(own) == reference and ROLES[role].fits((await self.get(own)).capabilities):
                return await self.get(own)
        key = role, reference
        if key not in self._picked:
            alone: dict[str, Any] = {"model": None, "fallback_see": None, "fallback_decide": None}
            settings = self.settings.model_copy(update={**alone, role: reference})
            self._picked[key] = Roles(settings, load=self._load)
        roles = self._picked[key]
        return await self._noted(role, reference, roles.see if role == "see" else roles.decide)

    def picked(self, models: Mapping[str, str]) -> Cast:
        """Return a cast in which these roles are played by other models."""
        return PickedCast(self, models) if models else self

    def reference(self, role: str) -> str:
        """Return the reference of the model that the settings give a role."""
        chosen = self.references()
        return chosen.get(role) or chosen.get("model") or ROLES[role].default

    def known(self) -> list[str]:
        """Return the references of models that were asked for."""
        return [reference for _, reference in self._states]

    def states(self, models: Mapping[str, str] | None = None) -> list[RoleState]:
        """Return what is known of the models, by role; ``models`` are played by others than the settings say."""
        return [
            self.state(role, (models or {}).get(role) or self.reference(role)) for role in ("see", "decide")
        ]

    def state(self, role: str, reference: str) -> RoleState:
        """Return what is known of a model in a role."""
        found = self._states.get((role, reference)) or _state(role, reference, "not loaded")
        waiting = {queued.reference: len(queued.line) for queued in self._queued.values()}
        return found.model_copy(update={"waiting": waiting.get(found.reference, 0)})

    async def aclose(self) -> None:
        await super().aclose()
        for roles in self._picked.values():
            await roles.aclose()

    async def _noted(self, role: str, reference: str, load: Callable[[], Awaitable[Model]]) -> Model:
        """Load a model, note how that goes, and put it behind its line."""
        key = role, reference
        if key not in self._states or self._states[key].state == "failed":
            self._states[key] = _state(role, reference, "loading")
        try:
            model = await load()
        except AgentKitError as error:
            self._states[key] = _state(role, reference, "failed", error=str(error))
            raise
        queued = self._behind_line(model)
        if self._states[key].state != "ready":
            able = [name for name, value in vars(model.capabilities).items() if value is True]
            self._states[key] = _state(
                role, model.reference, "ready", capabilities=able, context=model.capabilities.context
            )
        return queued

    def _behind_line(self, model: Model) -> QueuedModel:
        if id(model) not in self._queued:
            inner = innermost(model)
            width = 1 if isinstance(inner, LocalModel) else self.settings.request.parallel
            line = self._lines.setdefault(id(inner), Line(width))
            self._queued[id(model)] = QueuedModel(model, line)
        return self._queued[id(model)]

    def _load(self, reference: str, settings: Settings) -> Model:
        with self._loading:
            if reference not in self._loaded:
                self._loaded[reference] = load_model(reference, settings)
            return self._loaded[reference]


class PickedCast(CastOfRuns):
    """A shared cast with other models in some roles."""

    def __init__(self, shared: SharedCast, models: Mapping[str, str]) -> None:
        super().__init__(shared.settings)
        self._shared, self._models = shared, dict(models)

    async def get(self, role: str) -> Model:
        if role in self._models:
            return await self._shared.pick(role, self._models[role])
        return await self._shared.get(role)

    async def embedder(self) -> Embedder:
        return await self._shared.embedder()

    def references(self) -> dict[str, str]:
        return self._shared.references() | self._models

    async def aclose(self) -> None:
        """Nothing: the models are the shared cast's."""


def _state(role: str, reference: str, state: Any, **more: Any) -> RoleState:
    return RoleState(role=role, reference=reference, state=state, **more)
