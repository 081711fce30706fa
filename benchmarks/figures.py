"""How figures are printed: one JSON line each, for people and scripts alike."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["figure", "quantile", "report_latency"]


def figure(name: str, value: float, unit: str, **context: Any) -> None:
    """Print one figure, e.g. `{"figure": "build_jobs", "value": 41.2, "unit": "jobs/s", ...}`."""
    rounded = round(value, 4) if abs(value) < 100 else round(value, 1)
    sys.stdout.write(json.dumps({"figure": name, "value": rounded, "unit": unit, **context}) + "\n")
    sys.stdout.flush()


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def report_latency(name: str, seconds: Sequence[float], **context: Any) -> None:
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        figure(f"{name}_{label}", quantile(seconds, share) * 1000, "ms", n=len(seconds), **context)
