"""`jobstream simulate`: without the name of a command it is `simulate run`."""

from __future__ import annotations

import click

from cli.simulation.managing import defaults, listing, reprice, rerun, show, stop
from cli.simulation.ordering import compare, run, sweep

__all__ = ["simulate"]

DEFAULT = "run"


class _WithDefault(click.Group):
    """A first word that is no command belongs to the default one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_WithDefault)
def simulate() -> None:
    """Simulate blackjack: exact, live, reproducible.

    `jobstream simulate --casino six_deck_h17 --rounds 1e9` is `jobstream simulate run ...`; a file that is called like a
    command is written ./compare. Exit status: 0 done, 1 refused, failed or cancelled, 2 wrong options, 130 after Ctrl-C,
    when the simulation goes on.
    """


for _command in (run, compare, sweep, listing, show, stop, rerun, reprice, defaults):
    simulate.add_command(_command)
