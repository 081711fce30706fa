"""`nats` and `postgres`: how the servers' own command-line tools reach this installation."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from infra.embedded.folder import DataFolder
from infra.postgres import roles

__all__ = ["nats", "postgres"]

_data = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), default=".jobstream", show_default=True
)


@click.command()
@_data
def nats(data: Path) -> None:
    """Print how to reach the embedded NATS as its read-only operator.

    For instance: eval "$(./jobstream nats)" && nats sub 'live.>'
    """
    url = _url_of(data, "nats", "NATS")
    _export(NATS_URL=url, NATS_USER="operator", NATS_PASSWORD=DataFolder(data).secrets().nats["operator"])


@click.command()
@_data
def postgres(data: Path) -> None:
    """Print how to reach the embedded Postgres as its read-only operator.

    For instance: eval "$(./jobstream postgres)" && psql -c 'table read.jobs'
    """
    place = urlsplit(_url_of(data, "postgres", "Postgres"))
    _export(
        PGHOST=place.hostname or "",
        PGPORT=str(place.port),
        PGDATABASE=place.path.removeprefix("/"),
        PGUSER=roles.OPERATOR,
        PGPASSWORD=DataFolder(data).secrets().postgres[roles.OPERATOR],
    )


def _url_of(data: Path, name: str, title: str) -> str:
    folder = DataFolder(data)
    url = folder.server_url(name)
    if url is None:
        click.echo(
            f"{folder.path} has no embedded {title}; where `jobstream up` or `demo` serves from another folder, give its "
            f"--data here too, else start one with `jobstream up --data {data}`.",
            err=True,
        )
        sys.exit(1)
    return url


def _export(**variables: str) -> None:
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")
