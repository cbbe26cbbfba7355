"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# No test depends on how fast the machine is.
settings.register_profile("agentkit", deadline=None, max_examples=50)
settings.load_profile("agentkit")

# One torch thread: two processes with two threads each on two cores collapse each other.
os.environ.setdefault("AGENTKIT_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
