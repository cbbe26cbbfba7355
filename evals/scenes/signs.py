"""Signs with a word to read: the target of a text question, and the other signs around it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .drawing import Colour, fitting_font, ink_on

# Words of four to eight letters.
WORDS = (  # noqa: SIM905 -- two hundred quotation marks would be no easier to read
    "anchor apple autumn bakery balcony bamboo banana barrel basket blanket bottle bridge butter button cabin "
    "camera candle canyon carpet castle cellar cherry chimney cinema circus clover coffee compass copper corner "
    "cotton cousin cradle crystal curtain daisy dancer desert dinner doctor dragon eagle engine evening falcon "
    "farmer feather ferry fiddle finger flower forest fossil fountain galaxy garden garlic ginger glacier grape "
    "guitar hammer harbour harvest helmet honey hunter island jacket jungle kettle kitchen ladder lantern laundry "
    "lemon library lizard magnet market meadow melon mirror monkey morning museum needle nickel nurse ocean "
    "office onion orchard oven painter palace paper parrot pepper piano pigeon pillow pirate planet pocket potato "
    "powder puzzle rabbit railway ribbon river rocket saddle salmon school scissors shadow shelter silver singer "
    "spider spring station summer sunset tailor teacher temple theatre thunder ticket tiger timber tomato tunnel "
    "turtle valley velvet village violin walnut weather whistle window winter wizard zebra"
).split()
FILLED = 0.86  # share of a sign's width that its word takes


def draw_sign(
    canvas: Image.Image,
    base: Colour,
    centre: tuple[float, float],
    size: tuple[float, float],
    word: str | None,
    letter: float,
) -> tuple[float, float, float, float]:
    """Draws an upright sign with a word in capitals (None: blank); returns its box, ltrb, unclipped.

    `centre` and `size` (width, height) are pixels of the canvas, and so is `letter`, the height of a capital unless the
    word is too long for it. A thin rim in the colour of the writing keeps a sign
    apart from a background of its own colour.
    """
    scale = 2
    wide, high = max(4, round(size[0])), max(4, round(size[1]))
    left, top = round(centre[0] - wide / 2), round(centre[1] - high / 2)
    tile = Image.new("RGB", (wide * scale, high * scale), base)
    draw = ImageDraw.Draw(tile)
    ink = ink_on(base)
    rim = max(1, round(0.03 * min(wide, high) * scale))
    draw.rectangle((0, 0, tile.width - 1, tile.height - 1), outline=ink, width=rim)
    if word is not None:
        font = fitting_font(word.upper(), FILLED * tile.width, letter * scale)
        draw.text((tile.width / 2, tile.height / 2), word.upper(), fill=ink, font=font, anchor="mm")
    canvas.paste(tile.reduce(scale), (left, top))
    return float(left), float(top), float(left + wide), float(top + high)


def pick_words(rng: np.random.Generator, count: int) -> list[str]:
    """Different words of four to eight letters."""
    return [WORDS[int(i)] for i in rng.permutation(len(WORDS))[:count]]
