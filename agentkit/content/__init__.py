"""What models are shown and what they say: boxes, images, labelled parts, messages."""

from .box import Box
from .image import Image
from .message import Label, Message, Part, Picture, Role, Text, ToolCall, Trust, dump, images_of, load

__all__ = [
    "Box",
    "Image",
    "Label",
    "Message",
    "Part",
    "Picture",
    "Role",
    "Text",
    "ToolCall",
    "Trust",
    "dump",
    "images_of",
    "load",
]
