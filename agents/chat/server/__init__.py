"""The chat over HTTP: a page, the API that it uses, and an endpoint for other front ends."""

from .app import ChatServer, create_app, serve
from .config import ServerConfig

__all__ = ["ChatServer", "ServerConfig", "create_app", "serve"]
