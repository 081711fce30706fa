"""What Prometheus is told about the projection."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from libs.process import metrics

__all__ = ["applied", "batch_size", "hints", "lag", "lag_now", "leading", "parked", "pending", "trimmed"]

lag = Histogram(
    "jobstream_projection_lag_seconds",
    "From an event's time to the commit of its rows, for the oldest event of each batch.",
    buckets=metrics.LATENCY_BUCKETS,
    registry=metrics.registry,
)
lag_now = Gauge(
    "jobstream_projection_behind_seconds",
    "How old the newest applied event was when its rows were committed; 0 with nothing left to apply.",
    registry=metrics.registry,
)
pending = Gauge(
    "jobstream_projection_pending_events", "Events in the log that are not applied yet.", registry=metrics.registry
)
batch_size = Histogram(
    "jobstream_projection_batch_events",
    "Events per transaction.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
    registry=metrics.registry,
)
applied = Counter("jobstream_projection_events_total", "Events applied to the read models.", registry=metrics.registry)
parked = Gauge(
    "jobstream_projection_parked_jobs",
    "Jobs and profiles held back by an event that cannot be applied.",
    registry=metrics.registry,
)
leading = Gauge("jobstream_projection_leading", "1 while this process applies events.", registry=metrics.registry)
hints = Counter(
    "jobstream_reconciler_hints_total", "Hints sent about silent jobs.", ["service"], registry=metrics.registry
)
trimmed = Counter("jobstream_commands_trimmed_total", "Old, handled commands removed.", registry=metrics.registry)
