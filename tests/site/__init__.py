"""The local site that all web tests share: pages that are used, that misbehave, and that try to give orders."""

from .server import Site

__all__ = ["Site"]
