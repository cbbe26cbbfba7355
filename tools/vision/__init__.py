"""Tools that look at pictures. Boxes are pixels (left, top, right, bottom) of the original, also for crops.

Each is a tool (``Toolset([crop, zoom])``) and can be called as the function that it is. ``PageReader`` is behind
``ocr``: it reads large pictures region by region.
"""

from .ocr import ocr
from .overlay import overlay
from .page import Notes, Page, PageReader, ReadingPlan, TextLine, read_page
from .region import crop, tile, zoom
from .spots import in_order

__all__ = [
    "Notes",
    "Page",
    "PageReader",
    "ReadingPlan",
    "TextLine",
    "crop",
    "in_order",
    "ocr",
    "overlay",
    "read_page",
    "tile",
    "zoom",
]
