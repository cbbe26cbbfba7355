"""What a scene can hold: shapes, colours, glyphs and the hosts that predict shapes."""

SHAPES = ("circle", "square", "triangle", "star", "cross", "heart", "ring", "moon")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
LETTERS = tuple("cefhklmprtxy")
DIGITS = tuple("123456789")
GLYPHS = LETTERS + DIGITS
HOSTS = ("table", "boat", "tree", "house")

# The fixed association behind the contextual cue: a small shape sits at its host in half of the scenes.
HOST_OF = {
    "circle": "table",
    "ring": "table",
    "triangle": "boat",
    "star": "boat",
    "heart": "tree",
    "moon": "tree",
    "square": "house",
    "cross": "house",
}

# Shapes with room for a letter or a digit.
GLYPH_SHAPES = ("circle", "square", "triangle", "heart")

# (hue low, hue high, saturation low, high, value low, high); hue in degrees, the rest in 0..1.
COLOUR_RANGES: dict[str, tuple[float, float, float, float, float, float]] = {
    "red": (-8, 7, 0.78, 1.0, 0.62, 0.95),
    "orange": (22, 33, 0.85, 1.0, 0.88, 1.0),
    "yellow": (50, 60, 0.78, 1.0, 0.88, 1.0),
    "green": (105, 145, 0.6, 1.0, 0.42, 0.85),
    "blue": (212, 238, 0.65, 1.0, 0.55, 1.0),
    "purple": (274, 296, 0.5, 0.9, 0.42, 0.8),
    "white": (0, 360, 0.0, 0.05, 0.93, 1.0),
    "black": (0, 360, 0.0, 0.4, 0.0, 0.11),
}

# Colours of clutter and hosts: between the named ones, so that a colour word stays decidable.
MUTED_RANGES: tuple[tuple[float, float, float, float, float, float], ...] = (
    (15, 45, 0.25, 0.6, 0.25, 0.6),  # brown
    (30, 60, 0.05, 0.3, 0.6, 0.85),  # beige
    (165, 195, 0.2, 0.7, 0.35, 0.8),  # teal
    (60, 90, 0.3, 0.6, 0.3, 0.55),  # olive
    (320, 345, 0.25, 0.5, 0.7, 0.95),  # pink
    (0, 360, 0.0, 0.1, 0.25, 0.75),  # grey
)
