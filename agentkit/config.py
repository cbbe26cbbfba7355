"""Settings: one object. Defaults < ``agentkit.toml`` < environment (``AGENTKIT_*``) < flags."""

from __future__ import annotations

import difflib
import logging
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from .errors import UsageError

log = logging.getLogger(__name__)

FILE_NAME = "agentkit.toml"
PATH_KEYS = ("runs", "memory", "browser", "cache", "prefixes")


def _off(value: Any) -> Any:
    return None if value in ("off", "", False) else value


def _several(value: Any) -> Any:
    """Return the words of a text (as a variable holds them), separated by blanks or commas."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def user_cache() -> Path:
    """Return agentkit's folder in the user's cache: what is in it can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agentkit"


class RequestSettings(BaseModel):
    """How calls over the network wait and try again. Times are in seconds.

    ``total`` bounds one call with all its retries; ``read`` is the longest silence of the server. ``parallel``: so
    many calls of one batch are under way at a time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    retries: int = Field(4, ge=0)
    connect: float = Field(10.0, gt=0)
    read: float = Field(120.0, gt=0)
    total: float = Field(600.0, gt=0)
    parallel: int = Field(8, ge=1)


class ModelSettings(BaseModel):
    """What is declared of one model, by its reference. None keeps the default.

    ``card``: a file that says how to ask the model about pictures (docs/visual-search.md), in place of its own. For
    a local model: ``dtype``, the number type of its weights. All others are for a model behind an API:
    ``input_price``, ``output_price``: US dollars per million tokens. ``max_side``: pictures are shrunk to it.
    ``key_env``: the environment variable that holds the key. ``omit`` and ``extra``: fields of the request body
    that are left out or added (a reasoning model that refuses ``temperature``, say).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    card: Path | None = None
    images: bool | None = None
    tools: bool | None = None
    # "schema" is a method of pydantic models, hence the other name inside.
    json_schema: bool | None = Field(None, validation_alias=AliasChoices("schema", "json_schema"))
    logprobs: bool | None = None
    context: int | None = Field(None, gt=0)
    input_price: float | None = Field(None, ge=0)
    output_price: float | None = Field(None, ge=0)
    max_side: int | None = Field(None, gt=0)
    key_env: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    omit: tuple[str, ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict)


class Settings(BaseSettings):
    """Every setting of agentkit. Nested keys use two underscores in the environment: AGENTKIT_REQUEST__READ.

    ``model`` sets every role that the model is capable of; ``see``, ``decide`` and ``embed`` set one.
    ``max_*`` and ``timeout`` (seconds of a whole run) are the budget; None is no limit; ``max_cost`` is in US
    dollars. ``cache``: the file of the response cache, None or "off" for none. ``prefixes``: the folder where local
    models keep what they computed of prompts' beginnings that come again, "off" for none. ``sources`` (``index:DIR``,
    ``web``) and ``tools`` (``module:name``) are what the chat may search and call. Paths of ``agentkit.toml`` are
    relative to its folder.
    """

    model_config = SettingsConfigDict(
        env_prefix="AGENTKIT_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    model: str | None = None
    see: str | None = None
    decide: str | None = None
    embed: str | None = None
    fallback_see: str | None = None
    fallback_decide: str | None = None

    runs: Path = Path("runs")
    memory: Path | None = None
    browser: Path | None = None
    approve: Literal["ask", "auto", "deny"] = "ask"

    max_steps: int | None = Field(None, ge=1)
    max_calls: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    max_cost: float | None = Field(None, ge=0)
    timeout: float | None = Field(None, gt=0)

    cache: Annotated[Path | None, BeforeValidator(_off)] = None
    prefixes: Annotated[Path | None, BeforeValidator(_off)] = Field(
        default_factory=lambda: user_cache() / "prefixes"
    )
    sources: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_several)] = ()
    tools: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_several)] = ()
    request: RequestSettings = RequestSettings()  # pyright: ignore[reportCallIssue] - the defaults are the fields'
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    max_pixels: int | None = Field(None, ge=1)
    threads: int | None = Field(None, ge=1)

    @classmethod
    def load(cls, **flags: Any) -> Settings:
        """Return the settings of this process; ``flags`` win, and a flag of None counts as not given.

        Raises ``UsageError`` that names the key, and the flag, variable or file that it came from.
        """
        given = {key: value for key, value in flags.items() if value is not None}
        for hint in misspelt_variables():
            log.warning(hint)
        try:
            return cls(**given)
        except ValidationError as error:
            raise UsageError(_explain(error, given)) from error
        except SettingsError as error:
            raise UsageError(f"environment: {error}", mend="nested settings are JSON there") from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _FileSource(settings_cls)

    def of(self, reference: str) -> ModelSettings:
        """Return what is declared of a model: by its whole reference, else by the part before ``#``."""
        found = self.models.get(reference) or self.models.get(reference.partition("#")[0])
        return found if found is not None else ModelSettings()  # pyright: ignore[reportCallIssue]

    def apply(self) -> None:
        """Set what holds for the whole process: the pixel limit, which browser is started, where memories are."""
        for name, path in (("AGENTKIT_BROWSER", self.browser), ("AGENTKIT_MEMORY", self.memory)):
            if path is not None:
                # Browser tools and memory look there; a variable that is set already is where this came from.
                os.environ.setdefault(name, str(path))
        if self.max_pixels is not None:
            from .content import image

            image.MAX_PIXELS = self.max_pixels


def find_file(start: Path) -> Path | None:
    """Return the nearest ``agentkit.toml`` in ``start`` or above it."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def misspelt_variables() -> list[str]:
    """Return a hint for every ``AGENTKIT_`` variable that is no setting but looks like one."""
    hints = []
    for name in sorted(os.environ):
        key = name.removeprefix("AGENTKIT_").partition("__")[0].lower()
        if not name.startswith("AGENTKIT_") or key in Settings.model_fields:
            continue
        near = difflib.get_close_matches(key, Settings.model_fields, n=1, cutoff=0.8)
        if near:
            hints.append(f"{name} is not a setting: did you mean AGENTKIT_{near[0].upper()}?")
    return hints


class _FileSource(PydanticBaseSettingsSource):
    """The nearest ``agentkit.toml``, whole, unknown keys included (validation names them)."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        file = find_file(Path.cwd())
        return _read(file) if file else {}


def _read(file: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error}") from error
    for key in PATH_KEYS:
        if isinstance(data.get(key), str) and _off(data[key]) is not None:
            data[key] = file.parent / Path(data[key]).expanduser()
    return data


def _explain(error: ValidationError, flags: dict[str, Any]) -> str:
    problems = []
    for item in error.errors():
        path = [str(part) for part in item["loc"]]
        message = f"unknown key{_hint(path)}" if item["type"] == "extra_forbidden" else item["msg"]
        problems.append(f"{_source_of(path, flags)}: {'.'.join(path)}: {message}")
    return "; ".join(problems)


def _source_of(path: list[str], flags: dict[str, Any]) -> str:
    if path[0] in flags:
        return "settings"
    # A nested key may come from a variable of its own or of its parent; a longer name goes first.
    for end in range(len(path), 0, -1):
        name = "AGENTKIT_" + "__".join(path[:end]).upper()
        if os.environ.get(name):
            return name
    return str(find_file(Path.cwd()) or "settings")


def _hint(path: list[str]) -> str:
    fields = {"request": RequestSettings, "models": ModelSettings}.get(
        path[0] if len(path) > 1 else "", Settings
    )
    near = difflib.get_close_matches(path[-1], fields.model_fields, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
