"""How much memory a piece of work needs at its peak, beside what is there before it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the growth of the resident memory at its peak while ``work`` runs, at least 1; 1 where it can't be read.

    Linux with glibc only: the kernel's own high-water mark, reset after what earlier work freed was given back.
    """
    try:
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        CLEAR.write_text("5")
        before = _read("VmRSS")
        work()
        return max(1, _read("VmHWM") - before)
    except OSError:
        return 1


def _read(name: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
