"""The chat over HTTP: a page, the API that it uses, and an endpoint for other front ends."""

from .app import create_app, serve
from .config import ServerConfig

__all__ = ["ServerConfig", "create_app", "serve"]
