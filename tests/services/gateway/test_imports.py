"""What a gateway does not load: it checks requests and prices ramps without the engine."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
import services.gateway.__main__, services.gateway.app
from libs.simulation.request import Profiles, check_profile, defaults, prepare
defaults()
check_profile("casino", {"parent": "six_deck_s17"}, Profiles())
for kind, request in (
    ("simulation", {"num_rounds": 10}),
    ("comparison", {"a": {}, "b": {"casino": "six_deck_h17"}, "num_rounds": 10}),
    ("sweep", {"base": {}, "axes": [{"path": "/casino/deck_count", "values": [1, 2]}], "num_rounds": 10}),
):
    prepare(kind, request, Profiles(), 1)
heavy = {"numba", "llvmlite", "numpy", "matplotlib", "jinja2"} & set(sys.modules)
sys.exit(f"loaded: {heavy}" if heavy else 0)
"""


def test_neither_the_engine_nor_plots_are_loaded_to_serve() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
