"""From messages to token ids, with the exact tokens of every part.

The chat template is rendered with a unique marker in place of every text, so that no text can influence the
template and every part's place is known; then the texts are put in. Texts are data: a control token written inside
one is cut after its first character before tokenising, so that it becomes ordinary text.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..attention.architectures import PICTURE, image_grid
from ..attention.spans import Span, Spans
from ..content import Message, Part, Picture, Text
from ..errors import ModelError, UsageError
from .local_view import fixed_side, view_of

OPEN, CLOSE = "\ue0a0", "\ue0a1"
MARKER = re.compile(f"{OPEN}(\\d+){CLOSE}")

# For models that come without a chat template.
PLAIN_TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}{{ message.role | capitalize }}:\n"
    "{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for item in message.content %}"
    "{% if item.type == 'image' %}{{ image_token }}{% else %}{{ item.text }}{% endif %}"
    "{% endfor %}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)


@dataclass(frozen=True)
class Prompt:
    """An encoded prompt.

    ``ids``: token ids (int64). ``spans``: where the parts are. ``positions``: (1 or 3, tokens), rotary positions.
    ``inputs``: the picture tensors that the model takes beside the ids. ``image_tokens``: True at image tokens.
    ``reply``: how many of the last tokens are a given reply. Edits take them as generated ones.
    ``kept``: how many of the first tokens are to be kept between processes (``Message.keep``); text only.
    """

    ids: np.ndarray
    spans: Spans
    positions: np.ndarray
    inputs: dict[str, Any] = field(default_factory=dict)
    image_tokens: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    reply: int = 0
    kept: int = 0

    def __len__(self) -> int:
        return len(self.ids)


class Encoder:
    """Encodes messages for one tokenizer, with one processor when the model sees."""

    def __init__(self, tokenizer: Any, processor: Any, module: Any) -> None:
        if not tokenizer.is_fast:
            raise ModelError("the model's tokenizer gives no offsets", mend="use one with a tokenizer.json")
        self.tokenizer = tokenizer
        self.processor = processor
        self.module = module
        self.template: str = (
            getattr(processor, "chat_template", None) or tokenizer.chat_template or PLAIN_TEMPLATE
        )
        self.image_token: str | None = getattr(processor, "image_token", None)
        added = tokenizer.added_tokens_decoder.values()
        control = {token.content for token in added if token.special} | set(tokenizer.all_special_tokens)
        control |= {self.image_token} if self.image_token else set()
        every = control | {token.content for token in added if not token.content.isspace()}
        self._control = {"trusted": _overlapping(control), "untrusted": _overlapping(every)}
        self._turn_end = self._find_turn_end()

    @property
    def turn_end(self) -> tuple[int, ...]:
        """The token that ends an assistant's turn, empty when the template has none."""
        return self._turn_end

    def encode(self, messages: Sequence[Message]) -> Prompt:
        """Return the prompt of messages, ending with the start of the assistant's turn.

        Raises ``UsageError`` when the template can't render such a conversation.
        """
        messages = [_with_calls(message) for message in messages]
        parts = [part for message in messages for part in message.parts]
        segments = self._render(messages, parts)
        pictures = [part for part in parts if isinstance(part, Picture)]
        inputs, replacements = self._process(pictures)
        text, ranges = self._fill(segments, parts, replacements)
        ids, starts, ends = self._tokenize(text, self._cuts(text, parts, ranges))
        image_tokens = np.zeros(len(ids), dtype=bool)
        if self.image_token is not None:
            image_tokens = ids == self.tokenizer.convert_tokens_to_ids(self.image_token)
        spans = []
        shown = 0
        for index, part in enumerate(parts):
            tokens = _inside(starts, ends, *ranges.get(index, (0, 0)))
            if isinstance(part, Picture):
                tokens = tokens[image_tokens[tokens]]
                grid, first = self._grid(shown, len(tokens), inputs) or (None, 0)
                view = self._view(part.image.size, len(pictures))
                spans.append(Span(part.label, part.trust, tokens, part.image, grid, first, view))
                shown += 1
            else:
                spans.append(Span(part.label, part.trust, tokens))
        positions = self._positions(ids, image_tokens, inputs)
        kept = _kept(messages, spans, image_tokens)
        return Prompt(ids, Spans(tuple(spans)), positions, inputs, image_tokens, kept=kept)

    def encode_reply(self, text: str) -> list[int]:
        """Return the tokens of a text as the assistant's whole reply: its own tokens, then the end of the turn.

        A reply starts on a token of its own, as a generated one does, also where a tokenizer would have merged its
        first letters with the end of the prompt.
        """
        cuts = self._cuts(text, [Text(text, "reply")], {0: (0, len(text))})
        return [*self._tokenize(text, cuts)[0].tolist(), *self._turn_end]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of reply tokens, without control tokens."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _render(self, messages: Sequence[Message], parts: Sequence[Part]) -> list[str | int]:
        """Return the rendered template as pieces: template text, and the index of a part where it belongs."""
        from jinja2.exceptions import TemplateError

        marked = _marked(messages, lists=self.processor is not None)
        try:
            rendered = self._apply(marked)
        except TemplateError:
            # Many templates know user and assistant in turn, and nothing else.
            try:
                rendered = self._apply(_in_turn(marked))
            except TemplateError as error:
                raise UsageError(f"the model's chat template refuses this conversation: {error}") from error
        pieces: list[str | int] = []
        for index, piece in enumerate(MARKER.split(rendered)):
            pieces += [int(piece)] if index % 2 else self._images_in(piece)
        # Images come in order; texts name themselves.
        pictures = iter([i for i, part in enumerate(parts) if isinstance(part, Picture)])
        placed: list[str | int] = [next(pictures) if piece == self.image_token else piece for piece in pieces]
        missing = {i for i, part in enumerate(parts) if isinstance(part, Picture) or part.text.strip()} - set(
            placed
        )
        if missing:
            raise UsageError(
                f"the model's chat template drops the {parts[min(missing)].label} part of this conversation"
            )
        return placed

    def _images_in(self, piece: str) -> list[str | int]:
        if not self.image_token:
            return [piece]
        return list(re.split(f"({re.escape(self.image_token)})", piece))

    def _apply(self, conversation: list[dict[str, Any]]) -> str:
        extra = {"image_token": self.image_token or ""} if self.template is PLAIN_TEMPLATE else {}
        return self.tokenizer.apply_chat_template(
            conversation,
            chat_template=self.template,
            tokenize=False,
            add_generation_prompt=True,
            **extra,
        )

    def _process(self, pictures: Sequence[Picture]) -> tuple[dict[str, Any], list[str]]:
        """Return the picture tensors and, per picture, the text that its placeholder expands to."""
        if not pictures:
            return {}, []
        least = fixed_side(self.processor.image_processor, self.module.config.model_type)
        pixels = [
            picture.image.pixels if least is None else picture.image.shrunk(2 * least) for picture in pictures
        ]
        batch = self.processor(
            images=[pixels],
            text=[str(self.image_token) * len(pictures)],
            return_text_replacement_offsets=True,
            return_tensors=None,
        )
        (offsets,) = batch.pop("text_replacement_offsets")
        import torch

        skipped = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
        tensors = {
            name: value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
            for name, value in batch.items()
            if name not in skipped
        }
        return tensors, [entry["replacement"] for entry in offsets]

    def _fill(
        self, segments: Sequence[str | int], parts: Sequence[Part], replacements: Sequence[str]
    ) -> tuple[str, dict[int, tuple[int, int]]]:
        """Return the whole text, and per part its range of characters."""
        text, ranges = "", {}
        expansions = iter(replacements)
        for segment in segments:
            if isinstance(segment, str):
                text += segment
                continue
            part = parts[segment]
            added = next(expansions) if isinstance(part, Picture) else part.text.strip()
            ranges[segment] = (len(text), len(text) + len(added))
            text += added
        return text, ranges

    def _cuts(self, text: str, parts: Sequence[Part], ranges: dict[int, tuple[int, int]]) -> list[int]:
        """Return where the text must be cut so that no text part holds a control token."""
        cuts = set()
        for index, (start, end) in ranges.items():
            part = parts[index]
            if isinstance(part, Text):
                cuts |= {match.start() + 1 for match in self._control[part.trust].finditer(text, start, end)}
        return sorted(cuts)

    def _tokenize(self, text: str, cuts: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return token ids and the range of characters of each."""
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        bounds = [0, *cuts, len(text)]
        for start, end in itertools.pairwise(bounds):
            piece = self.tokenizer(text[start:end], add_special_tokens=False, return_offsets_mapping=True)
            ids += piece["input_ids"]
            offsets += [(start + left, start + right) for left, right in piece["offset_mapping"]]
        table = np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
        return np.asarray(ids, dtype=np.int64), table[:, 0], table[:, 1]

    def _positions(self, ids: np.ndarray, image_tokens: np.ndarray, inputs: dict[str, Any]) -> np.ndarray:
        plain = np.arange(len(ids), dtype=np.int64)[None]
        base: Any = getattr(self.module, "model", None)
        if not hasattr(base, "get_rope_index"):
            return plain
        if "image_grid_thw" not in inputs:
            return plain.repeat(3, axis=0)
        import torch

        positions, _ = base.get_rope_index(
            torch.from_numpy(ids)[None],
            mm_token_type_ids=torch.from_numpy(image_tokens.astype(np.int64))[None],
            image_grid_thw=inputs["image_grid_thw"],
        )
        return positions[:, 0].numpy()

    def _grid(self, index: int, tokens: int, inputs: dict[str, Any]) -> tuple[tuple[int, int], int] | None:
        merged = None
        if "image_grid_thw" in inputs:
            _, height, width = inputs["image_grid_thw"][index].tolist()
            size = self.processor.image_processor.merge_size
            merged = (height // size, width // size)
        names = ("image_seq_len", "image_seq_length", "num_image_tokens")
        tile = next((found for name in names if (found := getattr(self.processor, name, None))), None)
        return image_grid(self.module.config.model_type, tokens, tile=tile, merged=merged)

    def _view(self, size: tuple[int, int], pictures: int) -> tuple[float, float, float, float]:
        card = PICTURE.get(self.module.config.model_type)
        squared = pictures > 1 if card is not None and card.squared == "several" else None
        return view_of(self.processor.image_processor, size, squared)

    def _find_turn_end(self) -> tuple[int, ...]:
        """Return the control token that the template writes after an assistant's words, else the tokenizer's end."""
        from jinja2.exceptions import TemplateError

        marked = _marked([Message.user("a"), Message.assistant("b")], lists=self.processor is not None)
        special = self.tokenizer.all_special_ids
        try:
            rendered = self._apply(marked)
        except TemplateError:
            rendered = ""
        after = rendered.partition(f"{OPEN}1{CLOSE}")[2]
        ids = self.tokenizer(after, add_special_tokens=False)["input_ids"] if after else []
        if ids and ids[0] in special:
            return (ids[0],)
        end = self.tokenizer.eos_token_id
        return () if end is None else (end,)


def _overlapping(tokens: set[str]) -> re.Pattern[str]:
    """Return a pattern that matches (with no width) wherever one of the tokens starts."""
    names = "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True) if token)
    return re.compile(f"(?={names})" if names else r"(?!)")


def _inside(starts: np.ndarray, ends: np.ndarray, start: int, end: int) -> np.ndarray:
    """Return the tokens that cover at least one character of a range."""
    return np.flatnonzero((starts < end) & (ends > start))


def _kept(messages: Sequence[Message], spans: Sequence[Span], image_tokens: np.ndarray) -> int:
    """Return the number of tokens up to the end of the last message that is to be kept, 0 where pictures are in it."""
    parts = 0
    end = 0
    for message in messages:
        parts += len(message.parts)
        if message.keep:
            end = max((int(span.tokens[-1]) + 1 for span in spans[:parts] if len(span.tokens)), default=0)
    return 0 if image_tokens[:end].any() else min(end, len(image_tokens) - 1)


def _with_calls(message: Message) -> Message:
    """Return a message whose tool calls are written as text, for templates that know none."""
    calls = [json.dumps({"name": call.name, "arguments": call.arguments}) for call in message.tool_calls]
    return replace(message, parts=(*message.parts, *(Text(call, "reply") for call in calls)), tool_calls=())


def _marked(messages: Sequence[Message], *, lists: bool) -> list[dict[str, Any]]:
    """Return messages for a chat template, a marker in place of every text.

    The text's own outer whitespace stays around the marker: the template decides whether it is trimmed.
    """
    conversation: list[dict[str, Any]] = []
    index = 0
    for message in messages:
        items: list[str | None] = []
        for part in message.parts:
            items.append(None if isinstance(part, Picture) else _marker(index, part.text))
            index += 1
        conversation.append({"role": message.role, "content": _content(items) if lists else _joined(items)})
    return conversation


def _marker(index: int, text: str) -> str:
    core = text.strip()
    if not core:
        return text
    left = text.index(core[0]) if core else 0
    return f"{text[:left]}{OPEN}{index}{CLOSE}{text[left + len(core) :]}"


def _joined(items: Sequence[str | None]) -> str:
    return "\n".join(item for item in items if item is not None)


def _content(items: Sequence[str | None]) -> list[dict[str, str]]:
    """Return a content list; neighbouring texts are one, on lines of their own as in a text model."""
    content: list[dict[str, str]] = []
    for item in items:
        if item is None:
            content.append({"type": "image"})
        elif content and content[-1]["type"] == "text":
            content[-1]["text"] += "\n" + item
        else:
            content.append({"type": "text", "text": item})
    return content


def _in_turn(conversation: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the conversation as user and assistant in turn: system and tool words become the user's."""
    result: list[dict[str, Any]] = []
    for message in conversation:
        role = "assistant" if message["role"] == "assistant" else "user"
        if result and result[-1]["role"] == role:
            last, content = result[-1]["content"], message["content"]
            joined = f"{last}\n{content}" if isinstance(content, str) else [*last, *content]
            result[-1] = {"role": role, "content": joined}
        else:
            result.append({"role": role, "content": message["content"]})
    return result
