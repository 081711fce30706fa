"""The door: HTTP and WebSockets in, commands out, and everything that is true of a job back to whoever owns it.

It reads the read models, live events and stored commands; it writes commands, idempotency keys and its own identity tables.
It promises that an accepted command is durable, that a job is shown to nobody but its owner, and that what was accepted can be read at once.
"""
