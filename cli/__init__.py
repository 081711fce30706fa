"""The `jobstream` command: serve an installation, play the demo, run the tests, and work with jobs as a person does.

It reads options, the environment and a configuration file, and speaks to a gateway as any other client would.
It promises plain sentences instead of tracebacks, exit status 0 only for success, and readable output in pipes.
"""
