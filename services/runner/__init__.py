"""The runner: takes queued jobs and runs their workflows to the end, through any number of crashes.

Reads wake-ups from EVENTS and WAKEUPS, the commands `cancel`, `retry`, `approve`, `reject`, `signal`, due TIMERS, and
shards from TASKS; writes steps, status and results of jobs as events, the jobs they have for children, shards' results to
SHARDS, schedules to TIMERS.
It promises that a stored step is never run again and that an outdated attempt can write nothing.
"""
