"""The word-level tokenizer of `mini`."""

from __future__ import annotations

import re

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from ..scenes import questions
from ..scenes.vocabulary import COLOURS, GLYPHS, HOSTS, SHAPES

BINS = 64
SPECIAL = ("<pad>", "<unk>", "<image>", "<q>", "<a>", "</s>")
LOCATIONS = tuple(f"<loc{i:02d}>" for i in range(BINS))
# Words that other tools' prompts are likely to hold; unknown words become <unk>.
EXTRA = [
    "please",
    "answer",
    "yes",
    "or",
    "no",
    ".",
    ",",
    "?",
    "!",
    ":",
    "in",
    "the",
    "image",
    "picture",
    "shape",
    "shapes",
    "it",
    "located",
    "look",
    "small",
    "large",
]

# The question follows the pictures: <image> * 64 <q> question <a> answer </s>.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['content'] is string %}{% set parts = [{'type': 'text', 'text': message['content']}] %}"
    "{% else %}{% set parts = message['content'] %}{% endif %}"
    "{% if message['role'] == 'assistant' %}"
    "<a>{% for part in parts %}{{ part['text'] }}{% endfor %}</s>"
    "{% else %}"
    "{% for part in parts %}{% if part['type'] == 'image' %}<image>{% endif %}{% endfor %}"
    "<q>{% for part in parts %}{% if part['type'] == 'text' %}{{ part['text'] + ' ' }}{% endif %}{% endfor %}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
)


def words() -> list[str]:
    """Every word of the questions and answers, in a fixed order."""
    phrases: list[str] = []
    for group in (
        questions.PRESENCE,
        questions.COLOUR,
        questions.SHAPE,
        questions.GLYPH,
        questions.LOCATION,
        questions.RELATION,
        questions.RELATIVE,
        questions.COUNTING,
        questions.CONTEXT,
        *questions.SIDES.values(),
    ):
        phrases += [re.sub(r"\{\w\}", " ", text) for text in group]
    names = [*SHAPES, *COLOURS, *HOSTS, *GLYPHS, *questions.THINGS, *questions.SIDES]
    plurals = [n + ("es" if n.endswith(("s", "x")) else "s") for n in (*SHAPES, *questions.THINGS)]
    fixed = ["yes", "no", "not", "visible", "nothing", "is", "there", "anything", "an"]
    fixed += ["letter", "digit", "sign", *[str(d) for d in range(10)]]
    every = [w for text in phrases for w in re.findall(r"\w+|[^\w\s]", text.lower())]
    return list(dict.fromkeys([*fixed, *names, *plurals, *every, *EXTRA]))


def token_id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    """The number of one token."""
    number = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(number, int)
    return number


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Lower-cases, splits at spaces and punctuation, one token a word; locations are `<loc00>`..`<loc63>`."""
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *LOCATIONS, *words()])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace()])
    inner.add_special_tokens([*SPECIAL])
    inner.add_tokens([*LOCATIONS])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
        padding_side="left",
        model_max_length=512,
    )
