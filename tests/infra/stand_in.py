"""A service with nothing to do: what the supervisor needs of one and no more."""

from __future__ import annotations

import os
import sys

from libs.process.health import Health, serve
from libs.process.lifecycle import Stopping, announce, run


async def main(stopping: Stopping) -> None:
    if os.environ.get("STAND_IN_REFUSES") == sys.argv[1]:
        print("STAND_IN is wrong", file=sys.stderr)
        sys.exit(2)
    health = Health(sys.argv[1])
    port = int(os.environ["PORT"]) if "PORT" in os.environ else 0
    async with serve(health, "127.0.0.1", port):
        health.started()
        announce(nats_user=os.environ["NATS_USER"], has_database="DATABASE_URL" in os.environ)
        await stopping.wait()


run(sys.argv[1], main)
