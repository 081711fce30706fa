"""One process, one registry, one place to scrape. Names are `jobstream_<what>_<unit>`; labels are bounded sets."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Histogram, disable_created_metrics, generate_latest

__all__ = ["CONTENT_TYPE", "LATENCY_BUCKETS", "loop_lag", "registry", "render"]

CONTENT_TYPE = CONTENT_TYPE_LATEST

LATENCY_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each metric, which nobody asks for

registry = REGISTRY  # metrics declared without naming a registry are in it too

loop_lag = Histogram(
    "jobstream_event_loop_lag_seconds",
    "How much later than asked the event loop woke a sleeper.",
    buckets=LATENCY_BUCKETS,
    registry=registry,
)


def render() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry)
