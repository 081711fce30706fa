"""`python -m services.projector` serves; `python -m services.projector rebuild [--verify]` fills the read models anew."""

from __future__ import annotations

import argparse
import sys

import uvloop

from libs.events.connection import NatsSettings, connect, leave
from libs.events.objects import Objects
from libs.process import logs
from libs.process.lifecycle import Stopping, explain
from libs.process.lifecycle import run as run_process
from libs.process.settings import SettingsError, load_all
from services.projector.log import LogClient
from services.projector.projection import relax_collector
from services.projector.rebuild import Progress, RebuildError, rebuild
from services.projector.service import SERVICE, run
from services.projector.settings import ProjectorSettings


async def serve(stopping: Stopping) -> None:
    settings, nats = load_all(ProjectorSettings, NatsSettings)
    await run(settings, nats, stopping)


async def rebuild_now(*, verify: bool) -> int:
    """Rebuild with progress on standard error; the exit status: 0 done, 1 not, or the verified rows differ."""
    settings, nats = load_all(ProjectorSettings, NatsSettings)
    client = LogClient()
    await connect(nats, "rebuild", using=client)

    def show(progress: Progress) -> None:
        print(progress, file=sys.stderr, flush=True)

    try:
        url, schema = settings.database_url.reveal(), settings.read_schema
        differences = await rebuild(client, url, schema, Objects(client).get, show=show, verify=verify)
    except RebuildError as error:
        print(f"The read models were not rebuilt: {error}.", file=sys.stderr)
        return 1
    finally:
        await leave(client)
    if differences:
        counts = ", ".join(f"{table}: {count}" for table, count in differences.counts.items() if count)
        print(f"The rebuilt rows differ from the live ones, which still serve ({counts}):")
        print("\n".join(differences.examples))
        print("Rebuild without --verify to put the rebuilt ones in their place.")
        return 1
    print("The read models are rebuilt" + (", and equal the old ones row by row." if verify else "."))
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.projector", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    rebuilding = commands.add_parser("rebuild", help="fill the read models anew while the old ones serve")
    rebuilding.add_argument("--verify", action="store_true", help="swap only where old and new rows are equal")
    options = parser.parse_args()
    relax_collector()
    if options.command is None:
        run_process(SERVICE, serve)
    logs.configure("rebuild", "warning")
    try:
        sys.exit(uvloop.run(rebuild_now(verify=options.verify)))
    except SettingsError as error:
        explain("rebuild", error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit("Interrupted; the live read models are as they were.")


if __name__ == "__main__":
    main()
