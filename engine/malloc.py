"""Returns freed memory that the C library keeps to the operating system.

glibc keeps freed memory in each thread's arena: 150 to 200 MB after several simultaneous sessions. With any other C
library nothing happens.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any


@functools.cache
def _c_library() -> Any:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has none under that name
        return None


def give_back_memory() -> bool:
    """Return free memory to the system; True if there was some.

    Takes 25 ms for 200 MB without holding the interpreter's lock, but other threads that allocate may wait
    for it, so call it while nobody speaks, and from a worker thread.
    """
    trim = getattr(_c_library(), "malloc_trim", None)
    return trim is not None and bool(trim(0))
