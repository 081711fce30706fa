"""List dead letters, or re-drive one: send the message again under its old id, so that it is decided against the job as it stands now.

    eval "$(.venv/bin/python docs/how-to/connections.py admin .jobstream)"
    .venv/bin/python docs/how-to/dead_letters.py
    .venv/bin/python docs/how-to/dead_letters.py redrive 3

A command that was decided after all changes nothing. The server takes the same id for a duplicate, and drops it, for two minutes after it was
first sent. Re-driving needs the user `admin`; listing also works as `operator`.
"""

from __future__ import annotations

import asyncio
import os
import sys

import nats
from nats.js import JetStreamContext

STREAM = "DEADLETTERS"


async def show(js: JetStreamContext) -> None:
    """One line a letter: its number, where it was sent, why it could not be handled."""
    waiting = (await js.stream_info(STREAM)).state.messages
    letters = await js.subscribe("dead.>", ordered_consumer=True)
    for _ in range(waiting):
        letter = await letters.next_msg(timeout=5)
        headers = letter.headers or {}
        print(letter.metadata.sequence.stream, headers["Dead-Subject"], headers["Dead-Reason"], sep="  ")


async def redrive(js: JetStreamContext, number: int) -> None:
    """Send it again. The letter stays where it is."""
    letter = await js.get_msg(STREAM, seq=number)
    headers = {name: value for name, value in (letter.headers or {}).items() if not name.startswith(("Dead-", "Nats-"))}
    headers["Nats-Msg-Id"] = letter.headers["Dead-Message-Id"]
    ack = await js.publish(letter.headers["Dead-Subject"], letter.data, headers=headers)
    print("a duplicate: sent less than two minutes ago" if ack.duplicate else f"stored as {ack.seq} of {ack.stream}")


async def main(arguments: list[str]) -> None:
    user = os.environ["NATS_USER"]
    client = await nats.connect(
        os.environ["NATS_URL"],
        user=user,
        password=os.environ["NATS_PASSWORD"],
        inbox_prefix=f"_INBOX_{user}".encode(),
    )
    try:
        match arguments:
            case []:
                await show(client.jetstream())
            case ["redrive", number]:
                await redrive(client.jetstream(), int(number))
            case _:
                raise SystemExit(__doc__)
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
