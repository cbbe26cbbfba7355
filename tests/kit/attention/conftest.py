"""The local models of ``tests/kit/local``, for the tests of what is built on them."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_place = spec_from_file_location("local_fixtures", Path(__file__).parents[1] / "local" / "conftest.py")
assert _place is not None
assert _place.loader is not None
_fixtures = module_from_spec(_place)
_place.loader.exec_module(_fixtures)

tiny, smollm2 = _fixtures.tiny, _fixtures.smollm2
