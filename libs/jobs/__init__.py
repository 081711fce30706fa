"""The job: its commands, its events, how commands are decided and events folded, once for every service.

`decide` and `evolve` are pure (time and ids come in as values); `handling` and `repository` are the loops around them. It promises that
a command decided twice changes nothing the second time, that a refusal is a fact in the log, and that an outdated attempt writes nothing.
"""
