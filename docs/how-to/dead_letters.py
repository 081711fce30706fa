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
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

STREAM = "DEADLETTERS"


async def show(js: JetStreamContext) -> None:
    """One line a letter: its number, where it was sent, why it could not be handled."""
    waiting = (await js.stream_info(STREAM)).state.messages
    if not waiting:
        print("There are no dead letters.")
    letters = await js.subscribe("dead.>", ordered_consumer=True)
    for _ in range(waiting):
        letter = await letters.next_msg(timeout=5)
        headers = letter.headers or {}
        print(letter.metadata.sequence.stream, headers["Dead-Subject"], headers["Dead-Reason"], sep="  ")


async def redrive(js: JetStreamContext, number: int) -> None:
    """Send it again. The letter stays where it is."""
    try:
        letter = await js.get_msg(STREAM, seq=number)
    except NotFoundError:
        raise SystemExit(f"There is no dead letter {number}; without arguments this lists those there are.") from None
    headers = {name: value for name, value in (letter.headers or {}).items() if not name.startswith(("Dead-", "Nats-"))}
    headers["Nats-Msg-Id"] = letter.headers["Dead-Message-Id"]
    subject = letter.headers["Dead-Subject"]
    try:
        ack = await js.publish(subject, letter.data, headers=headers)
    except NatsError:  # a denial, too, is only seen as an answer that does not come
        raise SystemExit(f"NATS did not take it on {subject}. Is NATS_USER `admin`? Others may only list.") from None
    print("a duplicate: sent less than two minutes ago" if ack.duplicate else f"stored as {ack.seq} of {ack.stream}")


async def unheard(error: Exception) -> None:
    """What goes wrong is told where it is waited for."""


async def main(arguments: list[str]) -> None:
    number = None
    match arguments:
        case []:
            pass
        case ["redrive", text] if text.isdecimal() and int(text) > 0:
            number = int(text)
        case ["redrive", text]:
            raise SystemExit(f"{text!r} is not the number of a dead letter; without arguments this lists them.")
        case _:
            raise SystemExit(__doc__)
    try:
        url, user, password = (os.environ[name] for name in ("NATS_URL", "NATS_USER", "NATS_PASSWORD"))
    except KeyError as error:
        raise SystemExit(f"{error.args[0]} is not set: connections.py tells it, see the top of this file.") from None
    try:
        client = await nats.connect(
            url,
            user=user,
            password=password,
            inbox_prefix=f"_INBOX_{user}".encode(),
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            error_cb=unheard,
        )
    except (NatsError, OSError) as error:
        raise SystemExit(f"NATS at {url} does not let {user} in: {error}") from None
    try:
        if number is None:
            await show(client.jetstream())
        else:
            await redrive(client.jetstream(), number)
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
