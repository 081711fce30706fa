"""What runs of workflows count. Labels are closed sets; never a job, a step or a kind."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from libs.process.metrics import registry

__all__ = ["attempts", "retries", "shards", "step_seconds", "steps", "suspended", "takeovers"]

steps = Counter(
    "jobstream_steps_total", "Steps by outcome: recorded, replayed, failed.", ["outcome"], registry=registry
)
step_seconds = Histogram(
    "jobstream_step_duration_seconds",
    "How long the last try of a recorded step took.",
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
    registry=registry,
)
retries = Counter("jobstream_step_retries_total", "Tries of steps that failed and are tried again.", registry=registry)
attempts = Counter("jobstream_attempts_total", "Attempts by what became of them.", ["outcome"], registry=registry)
takeovers = Counter("jobstream_takeovers_total", "Attempts taken over from a worker that is gone.", registry=registry)
suspended = Counter("jobstream_suspensions_total", "Attempts that let their worker go to wait.", registry=registry)
shards = Counter(
    "jobstream_shards_total",
    "Shards by outcome: stored, repeated, failed, retried, dropped.",
    ["outcome"],
    registry=registry,
)
