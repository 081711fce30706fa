"""`nats`: how the NATS command-line tool reaches this installation."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from infra.embedded.folder import DataFolder

__all__ = ["nats"]


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=".jobstream", show_default=True)
def nats(data: Path) -> None:
    """Print how to reach the embedded NATS as its read-only operator.

    For instance: eval "$(./jobstream nats)" && nats sub 'live.>'
    """
    folder = DataFolder(data)
    url = folder.nats_url()
    if url is None:
        click.echo(f"{folder.path} has no embedded NATS; start one with `jobstream up --data {data}`.", err=True)
        sys.exit(1)
    password = folder.secrets().nats["operator"]
    for name, value in {"NATS_URL": url, "NATS_USER": "operator", "NATS_PASSWORD": password}.items():
        click.echo(f"export {name}={shlex.quote(value)}")
