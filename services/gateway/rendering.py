"""What a result looks like, worked out when somebody asks: everything that is shown follows from the result alone."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec

from libs.simulation.csv_export import to_csv

__all__ = ["as_html", "as_table"]

_TIMEOUT_SECONDS = 60.0
_INHERITED = ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR")  # and none of our secrets


def as_table(result: msgspec.Raw) -> bytes:
    """The result as CSV."""
    return to_csv(msgspec.json.decode(result)).encode()


def as_html(result: msgspec.Raw) -> bytes:
    """The result as one page with plots, drawn by a process of its own. Takes about a second; call it in a thread."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "libs.simulation"],
        input=bytes(result),
        capture_output=True,
        env={name: os.environ[name] for name in _INHERITED if name in os.environ},
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the report could not be drawn: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout
