"""What holds for every test: one torch thread, so that tests beside a browser do not slow each other down."""

from __future__ import annotations

import os

os.environ.setdefault("AGENTKIT_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
