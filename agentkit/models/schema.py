"""Replies that follow a JSON Schema: parsed and checked, whatever the backend promised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import ModelError, UsageError
from .base import Finish


def parse_reply(text: str, schema: Mapping[str, Any], reference: str, finish: Finish = "stop") -> Any:
    """Return the JSON data of a reply that had to follow ``schema``.

    Raises ``ModelError`` (with the text as ``partial``) when it is not JSON or does not follow the schema, and
    ``UsageError`` when the schema itself is wrong.
    """
    # jsonschema takes a tenth of a second to import, and most calls have no schema.
    import jsonschema

    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "was cut off by max_tokens" if finish == "length" else f"is not JSON: {error}"
        raise ModelError(f"the reply of {reference} {why}", partial=text) from error
    try:
        jsonschema.validate(data, schema)
    except jsonschema.SchemaError as error:
        raise UsageError(f"the JSON schema is wrong: {error.message}") from error
    except jsonschema.ValidationError as error:
        raise ModelError(
            f"the reply of {reference} does not follow the schema at {error.json_path}: {error.message}",
            partial=text,
        ) from error
    return data
