"""What the live half counts. Labels are the closed set of frame kinds and of reasons given here, never an id."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from libs.process.metrics import LATENCY_BUCKETS, registry

__all__ = [
    "backfill_pages",
    "bad_frames",
    "closes",
    "deltas_dropped",
    "feeds",
    "frames",
    "gaps",
    "latency",
    "parked",
    "replayed",
    "resumes",
    "sockets",
    "streams",
]

sockets = Gauge("jobstream_gateway_sockets", "Open WebSockets that were let in.", registry=registry)
streams = Gauge("jobstream_gateway_event_streams", "Open server-sent event streams.", registry=registry)
feeds = Gauge("jobstream_gateway_feeds", "Jobs whose live events this process receives.", registry=registry)
parked = Gauge(
    "jobstream_gateway_feeds_parked", "Watched jobs with an event this process cannot read.", registry=registry
)
frames = Counter(
    "jobstream_gateway_frames_total", "Frames handed to connections, by kind.", ["kind"], registry=registry
)
deltas_dropped = Counter(
    "jobstream_gateway_deltas_dropped_total", "Deltas not sent to readers that were behind.", registry=registry
)
closes = Counter(
    "jobstream_gateway_closes_total", "Sockets closed by the gateway, by close code.", ["code"], registry=registry
)
gaps = Counter(
    "jobstream_gateway_gaps_filled_total",
    "Events that did not come live and were read from the log.",
    registry=registry,
)
resumes = Counter("jobstream_gateway_resumes_total", "Connections that named a cursor.", registry=registry)
replayed = Counter(
    "jobstream_gateway_replayed_frames_total", "Frames of history sent to connections.", registry=registry
)
backfill_pages = Counter(
    "jobstream_gateway_backfill_pages_total", "Pages of history read for connections.", registry=registry
)
bad_frames = Counter(
    "jobstream_gateway_bad_frames_total",
    "Frames from clients that were answered with an error, by its code.",
    ["code"],
    registry=registry,
)
latency = Histogram(
    "jobstream_gateway_event_age_seconds",
    "Age of an event (by its own time) when it is handed to its connections.",
    buckets=LATENCY_BUCKETS,
    registry=registry,
)
