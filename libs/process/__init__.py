"""What every process needs, once: settings, logs, metrics, health, life cycle and the clock.

It reads the environment and writes log lines, metrics and health answers; it knows nothing of events or jobs.
It promises that a wrong setting is explained in one readable block, that no secret reaches a log, and that a process
which is told to stop, or whose parent died, ends.
"""
