"""Functions that are compiled to machine code when they are first called, and kept on disk for the next process.

The cache is a folder of the user's own, named after the sources and the compiler, so that it is never stale, can be shared by any
number of processes, and does not need the installed sources to be writable. Where no folder will do, each process compiles anew.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numba.core.config

__all__ = ["SOURCES", "cache_folder", "compiled", "inlined", "stored"]

SOURCES = (
    "compiled",
    "configuration",
    "decisions",
    "hand_states",
    "kernel",
    "layout",
    "moments",
    "money",
    "outcomes",
    "philox",
    "rounds",
    "shoe",
)
"""The modules whose functions or constants are in the compiled code."""

_F = TypeVar("_F", bound=Callable[..., Any])
_njit: Any = numba.njit
_config: Any = numba.core.config
# Without numba's runtime no references are counted, which else happens (atomically) whenever an array is taken out of a tuple, and costs
# twenty times the play. The price: compiled code cannot make arrays.
_OPTIONS = {"nogil": True, "boundscheck": False, "error_model": "numpy", "_nrt": False}
_configuring = threading.Lock()


def inlined(function: _F) -> _F:
    """For the parts of a `stored` function, which are copied into it and into each other. Python cannot call them; they make no arrays.

    Otherwise the compiler would decide what to copy, and decide differently in a process that has compiled one of them before.
    """
    return cast("_F", _njit(**_OPTIONS, forceinline=True, no_cpython_wrapper=True)(function))


def compiled(function: _F) -> _F:
    """As `stored`, but compiled anew in each process."""
    return cast("_F", _njit(**_OPTIONS)(function))


def stored(function: _F) -> _F:
    """For functions that Python calls: compiled once, then loaded from the cache; the GIL is released while they run."""
    folder = cache_folder()
    if folder is None:
        return compiled(function)
    with _cache_at(folder):
        return cast("_F", _njit(**_OPTIONS, cache=True)(function))


def cache_folder() -> Path | None:
    """Where compiled code is kept: `NUMBA_CACHE_DIR`, the user's cache folder, or one of their own among the temporary ones."""
    name = f"blackjack-{_fingerprint()}"
    for parent in _parents():
        folder = parent / name
        try:
            parent.parent.mkdir(parents=True, exist_ok=True)
            parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except (OSError, RuntimeError):
            continue
        if _is_ours(parent):
            return folder
    return None


def _parents() -> Iterator[Path]:
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen)
    if caches := os.environ.get("XDG_CACHE_HOME"):
        yield Path(caches) / "jobstream"
    elif (home := os.path.expanduser("~")) not in ("~", "/"):  # noqa: PTH111 - Path.home() raises where there is none
        yield Path(home) / ".cache" / "jobstream"
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    yield Path(tempfile.gettempdir()) / f"jobstream-{owner}"


def _is_ours(folder: Path) -> bool:
    """Code is loaded from here, so nobody else may be able to put any: others can write to the folder for temporary files."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid in (os.getuid(), 0) and not found.st_mode & 0o022


def _fingerprint() -> str:
    """Of everything that goes into the compiled code: numba itself looks at one file of it only."""
    seen = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for source in SOURCES:
        seen.update((Path(__file__).parent / f"{source}.py").read_bytes())
    return seen.hexdigest()[:16]


@contextmanager
def _cache_at(folder: Path) -> Iterator[None]:
    """Numba asks for the folder when a function is decorated, and then remembers it."""
    with _configuring:
        before = _config.CACHE_DIR
        _config.CACHE_DIR = str(folder)
        try:
            yield
        finally:
            _config.CACHE_DIR = before
