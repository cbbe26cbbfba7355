"""Models by role: one sees, one decides, one embeds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from ..config import Settings
from ..errors import UnsupportedCapability
from .base import INSTEAD, Capabilities, Model
from .cache import CachedModel, ReplyStore
from .embed import Embedder, load_embedder
from .fallback import FallbackModel
from .registry import load_model

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Role:
    """What a role needs of a model (one of ``needs``), and who plays it when nobody is named."""

    name: str
    default: str
    needs: tuple[str, ...]

    def fits(self, capabilities: Capabilities) -> bool:
        return any(getattr(capabilities, need) for need in self.needs)


SEE = Role("see", "mini", ("images",))
DECIDE = Role("decide", "smollm2", ("scoring", "schema"))


class Roles:
    """The models of a run, by role, loaded when they are first asked for and shared by reference.

    A role is played by the model that is named for it (``settings.see``), else by ``settings.model`` if that is
    capable of it, else by the default. A fallback answers when the model fails; ``warn`` is told of that, and of
    a model that can't play a role. With ``settings.cache`` every model is behind the response cache.
    Raises ``UnsupportedCapability`` when the model that is named for a role can't play it.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        warn: Callable[[str], None] = log.warning,
        load: Callable[[str, Settings], Model] = load_model,
    ) -> None:
        self.settings = settings if settings is not None else Settings.load()
        self._warn = warn
        self._load = load
        self._models: dict[str, Model] = {}
        self._played: dict[str, Model] = {}
        self._embedder: Embedder | None = None
        self._store: ReplyStore | None = None
        self._lock = asyncio.Lock()

    async def see(self) -> Model:
        """Return the model that looks at pictures."""
        return await self._role(SEE, self.settings.see, self.settings.fallback_see)

    async def decide(self) -> Model:
        """Return the model that decides."""
        return await self._role(DECIDE, self.settings.decide, self.settings.fallback_decide)

    async def embed(self) -> Embedder:
        """Return the embedder of texts."""
        async with self._lock:
            if self._embedder is None:
                self._embedder = load_embedder(self.settings.embed or "minilm")
            return self._embedder

    async def aclose(self) -> None:
        """Close every model that was loaded."""
        models, self._models, self._played = list(self._models.values()), {}, {}
        for model in models:
            await model.aclose()
        if self._store is not None:
            self._store.close()
            self._store = None

    async def _role(self, role: Role, named: str | None, fallback: str | None) -> Model:
        async with self._lock:
            if role.name not in self._played:
                model = await self._choose(role, named)
                if fallback is not None:
                    model = FallbackModel(model, await self._fitting(role, fallback), self._warn)
                self._played[role.name] = model
            return self._played[role.name]

    async def _choose(self, role: Role, named: str | None) -> Model:
        if named is not None:
            return await self._fitting(role, named)
        if self.settings.model is not None:
            model = await self._get(self.settings.model)
            if role.fits(model.capabilities):
                return model
            self._warn(f"{model.reference} can't {role.name}: {role.default} does")
        return await self._get(role.default)

    async def _fitting(self, role: Role, reference: str) -> Model:
        model = await self._get(reference)
        if not role.fits(model.capabilities):
            raise UnsupportedCapability(f"{reference} can't {role.name}", mend=INSTEAD[role.needs[0]])
        return model

    async def _get(self, reference: str) -> Model:
        if reference not in self._models:
            model = await asyncio.to_thread(self._load, reference, self.settings)
            self._models[reference] = self._behind_cache(model)
        return self._models[reference]

    def _behind_cache(self, model: Model) -> Model:
        if self.settings.cache is None or getattr(model, "in_order", False):
            return model
        if self._store is None:
            self._store = ReplyStore(self.settings.cache)
        return CachedModel(model, self._store)
