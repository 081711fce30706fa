"""Client Relations: the conversation that turns an idea into requirements.

Reads `create` and `chat` commands from COMMANDS and wake-ups from EVENTS and WAKEUPS; writes the conversation's events, and deltas of replies
being typed over core NATS. It promises one stored reply per user turn, in turn order, with any number of replicas and whatever crashes.
"""
