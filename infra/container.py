"""What the containers of `compose.yaml` run: `python -m infra.container <what> ...`.

`secrets` writes passwords and the NATS configuration below /config, one folder per service, once. `provision` applies
streams, roles and migrations. `run <service>` starts a service with its own secrets in its environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from infra.embedded.folder import make_secrets
from infra.embedded.postgres import DATABASE, SUPERUSER
from infra.embedded.private import write_private
from infra.embedded.provision import apply_topology, provision_server
from infra.embedded.settings import SERVICES, SupervisorSettings
from infra.nats import accounts, topology
from infra.postgres import roles
from libs.process import logs
from libs.process.settings import Settings, SettingsError, load

__all__ = ["main"]

CONFIG = Path("/config")
USAGE = "usage: python -m infra.container secrets | provision | run <service>"


class Places(Settings, kw_only=True, frozen=True):
    """Where the containers find each other."""

    nats_host: str = "nats"
    postgres_host: str = "postgres"


def write_secrets(config: Path, places: Places) -> None:
    """Make every secret once; a second call changes nothing."""
    if (config / "complete").exists():
        return
    secrets = make_secrets()
    bus = f"nats://{places.nats_host}:4222"
    database = f"{places.postgres_host}:5432/{DATABASE}"
    environments: dict[str, dict[str, str]] = {
        service: {"NATS_URL": bus, "NATS_USER": service, "NATS_PASSWORD": secrets.nats[service]} for service in SERVICES
    }
    for service, role in (("gateway", roles.GATEWAY), ("projector", roles.PROJECTOR)):
        environments[service]["DATABASE_URL"] = f"postgresql://{role}@{database}"
        environments[service]["PGPASSWORD"] = secrets.postgres[role]
    environments["gateway"]["JWT_SECRET"] = secrets.jwt
    for service, environment in environments.items():
        _write(config / service / "environment.json", msgspec.json.encode(environment).decode())
    conf = accounts.render(secrets.nats, store="/data/jetstream", host="0.0.0.0", monitor="0.0.0.0:8222")  # noqa: S104
    _write(config / "nats" / "nats.conf", conf)
    _write(config / "postgres" / "password", secrets.postgres_superuser)
    admin = {"nats": secrets.nats["admin"], "superuser": secrets.postgres_superuser} | secrets.postgres
    _write(config / "admin" / "secrets.json", msgspec.json.encode(admin).decode())
    _write(config / "operator" / "password", secrets.nats["operator"])
    (config / "complete").touch()


async def provision(config: Path, places: Places, settings: SupervisorSettings) -> None:
    """Apply streams, roles and migrations; harmless when repeated."""
    admin = msgspec.json.decode((config / "admin" / "secrets.json").read_bytes(), type=dict[str, str])
    wanted = topology.topology(replicas=settings.nats_replicas, lease_seconds=settings.lease_seconds)
    bus = f"nats://{places.nats_host}:4222"
    await apply_topology([bus], user="admin", password=admin["nats"], creds=None, wanted=wanted)
    passwords = {role: admin[role] for role in roles.ROLES}
    place = f"{places.postgres_host}:5432"
    await provision_server(
        f"postgresql://{SUPERUSER}:{admin['superuser']}@{place}/postgres",
        f"postgresql://{roles.ADMIN}:{passwords[roles.ADMIN]}@{place}/{DATABASE}",
        passwords,
    )


def run(config: Path, service: str) -> None:
    """Become the service, with its secrets in the environment."""
    own = msgspec.json.decode((config / service / "environment.json").read_bytes(), type=dict[str, str])
    # What an operator sets (an outside NATS, a managed Postgres) goes before what was made here.
    os.execvpe(sys.executable, [sys.executable, "-P", "-m", f"services.{service}"], own | dict(os.environ))  # noqa: S606


def main(arguments: list[str], config: Path = CONFIG) -> int:
    """Do what the arguments say; answer the exit status."""
    logs.configure("provision")
    try:
        match arguments:
            case ["secrets"]:
                write_secrets(config, load(Places))
            case ["provision"]:
                asyncio.run(provision(config, load(Places), load(SupervisorSettings)))
            case ["run", service] if service in SERVICES:
                run(config, service)
            case _:
                print(USAGE, file=sys.stderr)
                return 2
    except (SettingsError, topology.TopologyError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _write(path: Path, text: str) -> None:
    """Private to its reader: each container mounts its own folder only, and all run as the same user."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    write_private(path, text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
