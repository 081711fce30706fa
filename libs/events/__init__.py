"""The log: guarded, atomic, idempotent appends to NATS JetStream, and reading them back.

Reads and writes the streams EVENTS (facts) and COMMANDS (wishes), knowing no particular aggregate: what a job is stands in `libs.jobs`.
It promises that an append happens once or not at all, that an aggregate's events are numbered 1, 2, 3 ... without gaps,
and that the in-memory store keeps every promise of the real one (one conformance suite tests both).
"""
