"""The job: its commands, its events, how commands are decided and events folded, once for every service.

Pure code: no I/O, no clock, no randomness; time and ids come in as values. It promises that a command decided twice changes nothing the
second time, that a refusal is a fact in the log, and that a worker with an outdated attempt can write nothing.
"""
