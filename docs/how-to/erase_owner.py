"""Remove what NATS holds of one owner: events, commands, shards, tasks, timers, hints, dead letters, snapshots, idempotency keys, files.

    eval "$(.venv/bin/python docs/how-to/connections.py admin .jobstream)"
    .venv/bin/python docs/how-to/erase_owner.py <owner id>

There is no way back. Unfinished jobs of the owner should be cancelled before.
"""

from __future__ import annotations

import asyncio
import os
import sys
from uuid import UUID

import nats

# Every subject that names an owner, by the stream it lies in.
SUBJECTS = {
    "COMMANDS": ["cmd.{owner}.>"],
    "TASKS": ["task.{owner}.>"],
    "TIMERS": ["timer.set.{owner}.>", "timer.due.{owner}.>"],
    "WAKEUPS": ["wake.*.{owner}.>"],
    "EVENTS": ["evt.{owner}.>"],
    "SHARDS": ["shard.{owner}.>"],
    "DEADLETTERS": ["dead.{owner}.>"],
    "KV_SNAPSHOTS": ["$KV.SNAPSHOTS.{owner}.>"],
    "KV_IDEMPOTENCY": ["$KV.IDEMPOTENCY.{owner}.>"],
}


async def main(owner: UUID) -> None:
    client = await nats.connect(
        os.environ["NATS_URL"], user="admin", password=os.environ["NATS_PASSWORD"], inbox_prefix=b"_INBOX_admin"
    )
    js = client.jetstream()
    files = await js.object_store("ARTIFACTS")
    try:
        for each in await files.list():
            if each.name.startswith(f"{owner}/"):
                await files.delete(each.name)
                print(f"file {each.name}")
    except nats.js.errors.NotFoundError:
        pass  # there are no files at all
    for stream, subjects in SUBJECTS.items():
        for subject in subjects:
            await js.purge_stream(stream, subject=subject.format(owner=owner))
            print(f"{stream}: {subject.format(owner=owner)}")
    await client.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    asyncio.run(main(UUID(sys.argv[1])))
