"""Short pauses: the garbage collector looks at long-lived objects rarely.

Thousands of open sockets are hundreds of thousands of objects, and a full collection of those stops every socket for a tenth of a second or
more. Nearly everything here is freed by reference counts, so full collections can wait until millions of objects were made and not freed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rare_collections"]

_THRESHOLDS = (2000, 10, 100)  # a full collection only after about two million objects that stayed


@contextmanager
def rare_collections() -> Iterator[None]:
    """While the block runs, what was there before is never looked at, and the rest rarely. For the whole process."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
