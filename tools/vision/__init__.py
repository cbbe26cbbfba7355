"""Tools that look at pictures. Boxes are pixels (left, top, right, bottom) of the original, also for crops.

Each is a tool (``Toolset([crop, zoom])``) and can be called as the function that it is.
"""

from .ocr import TextLine, ocr
from .overlay import overlay
from .region import crop, tile, zoom

__all__ = ["TextLine", "crop", "ocr", "overlay", "tile", "zoom"]
