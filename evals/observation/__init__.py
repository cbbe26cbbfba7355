"""What a look at a page costs, and what it finds: on generated pages, beside Playwright's own snapshot."""

from .bench import bench

__all__ = ["bench"]
