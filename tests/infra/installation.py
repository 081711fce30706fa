"""Runs a supervisor over stand-in services: `installation.py <data folder> <port>`; prints the pids when ready."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from infra.embedded.folder import DataFolder
from infra.embedded.nats import ServerFailed
from infra.embedded.settings import SERVICES
from infra.embedded.supervisor import Supervisor
from libs.process import lifecycle
from libs.process.lifecycle import Stopping

STAND_IN = str(Path(__file__).with_name("stand_in.py"))


async def main(stopping: Stopping) -> None:
    folder = DataFolder(Path(sys.argv[1]))
    with folder.locked():
        supervisor = Supervisor(
            folder,
            host="127.0.0.1",
            port=int(sys.argv[2]),
            environ=os.environ,
            commands={name: [sys.executable, STAND_IN, name] for name in SERVICES},
        )

        async def ready() -> None:
            print(json.dumps(supervisor._pids()), flush=True)

        try:
            await supervisor.run(stopping, ready)
        except ServerFailed as error:
            print(error, file=sys.stderr)
            sys.exit(1)


lifecycle.run("installation", main)
