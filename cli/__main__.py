"""The entry point. Commands are imported when they are called, so that `--help` is quick."""

from __future__ import annotations

import importlib

import click

__all__ = ["main"]

_COMMANDS = {
    "up": "cli.serve:up",
    "demo": "cli.serve:demo",
    "nats": "cli.servers:nats",
    "postgres": "cli.servers:postgres",
    "test": "cli.testing:test",
    "reference": "cli.reference:reference",
    "register": "cli.jobs:register",
    "login": "cli.jobs:login",
    "simulate": "cli.simulation.commands:simulate",
    "profiles": "cli.profiles:profiles",
    "new": "cli.jobs:new",
    "jobs": "cli.jobs:jobs",
    "show": "cli.jobs:show",
    "watch": "cli.jobs:watch",
    "say": "cli.jobs:say",
    "cancel": "cli.jobs:cancel",
    "retry": "cli.jobs:retry",
    "approve": "cli.jobs:approve",
    "reject": "cli.jobs:reject",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jobstream")
def main() -> None:
    """Talk a job into shape with an agent, have it executed, watch every step live."""


if __name__ == "__main__":
    main(prog_name="jobstream")
