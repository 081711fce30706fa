"""The named fault points a runner passes, in the order of a job's life: one table for docs, tests and chaos runs.

Arm them from outside, `FAULT_POINTS="step.before_record=kill@2"`; see `libs.process.faults`.
"""

from __future__ import annotations

__all__ = ["FAULT_POINTS"]

FAULT_POINTS: dict[str, str] = {
    "attempt.before_start": "A wake-up was taken; the log does not know of an attempt yet.",
    "attempt.after_start": "The log names this worker; nothing has run.",
    "append.before": "A decision is made; nothing was sent.",
    "append.mid_batch": "A batch is open; its last message was not sent.",
    "append.before_ack": "The log has the event; the worker does not know.",
    "step.before_call": "The step's own code has not run.",
    "step.before_record": "The step's side effect is done; the log does not know.",
    "step.after_record": "The step is stored; the workflow has not gone on.",
    "timer.between_event_and_schedule": "The log knows a timer; nothing is scheduled.",
    "map.mid_tasks": "The log knows a map; half of its shards are offered.",
    "child.before_create": "The log names a child; it does not exist.",
    "child.after_create": "A child exists; its parent's attempt has not gone on.",
    "child.before_told": "A job has ended; its parent does not know.",
    "shard.before_result": "A shard is computed; its result is not stored.",
    "shard.after_result": "A shard's result is stored; its task is not acknowledged.",
    "map.before_complete": "Every result is stored; the log does not have their digest.",
    "attempt.before_end": "The attempt is over; its wake-up is not acknowledged.",
    "subscription.before_ack": "A message is handled; its acknowledgement was not sent.",
    "subscription.stale_ack": "A worker that lost its lease is about to say nothing.",
}
