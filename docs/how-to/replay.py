"""Replay stored events into a file, one JSON object a line, oldest first; optionally of one owner, job or type, or until a time.

    eval "$(./jobstream nats)"
    .venv/bin/python docs/how-to/replay.py 'evt.>' events.jsonl
    .venv/bin/python docs/how-to/replay.py 'evt.*.*.job_failed' failures.jsonl

Reads through a short-lived ordered consumer, so nothing on the server changes. A payload above 64 KiB is not in the message: the header
`Payload-Object` names it, and its line has `object` in the place of `data`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import nats
from nats.js.errors import NotFoundError


async def main(subject: str, target: Path) -> None:
    user = os.environ["NATS_USER"]
    client = await nats.connect(
        os.environ["NATS_URL"],
        user=user,
        password=os.environ["NATS_PASSWORD"],
        inbox_prefix=f"_INBOX_{user}".encode(),
    )
    js = client.jetstream()
    try:
        end = (await js.get_last_msg("EVENTS", subject)).seq or 0
    except NotFoundError:
        end = 0  # nothing of that sort is stored
    events = await js.subscribe(subject, ordered_consumer=True)
    replayed, sequence = 0, 0
    with target.open("w", encoding="utf-8") as file:
        while sequence < end:
            message = await events.next_msg(timeout=10)
            sequence = message.metadata.sequence.stream
            headers = message.headers or {}
            line = {
                "sequence": sequence,
                "subject": message.subject,
                "version": int(headers["Event-Version"]),
                "time": headers["Event-Time"],
                "id": headers["Nats-Msg-Id"],
                "causation_id": headers.get("Causation-Id"),
            }
            stored = headers.get("Payload-Object")
            line |= {"object": stored} if stored else {"data": json.loads(message.data)}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            replayed += 1
    await client.close()
    print(f"{replayed} events in {target}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
