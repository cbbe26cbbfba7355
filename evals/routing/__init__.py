"""Where turns of a chat go: 200 held-out turns and 62 tuning turns over the abilities."""

from .items import RouteItem, items_of

__all__ = ["RouteItem", "items_of"]
