"""`test`: every check of the project, in the order of their speed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click

__all__ = ["test"]

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable

CHECKS: dict[str, list[str]] = {
    "ruff check": [PYTHON, "-m", "ruff", "check", "."],
    "ruff format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "mypy": [PYTHON, "-m", "mypy"],
    "import layers": [
        PYTHON,
        "-c",
        "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())",
    ],
}
PYTEST = [PYTHON, "-m", "pytest"]


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run all checks and tests; with ARGUMENTS only pytest, with those."""
    failed: list[str] = []
    if not arguments:
        for name, command in CHECKS.items():
            started = time.monotonic()
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
            click.echo(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s)")
            if done.returncode != 0:
                failed.append(name)
                click.echo(done.stdout + done.stderr)
    command = [*PYTEST, *(arguments or ("-n", "2", "--dist", "loadgroup"))]
    status = subprocess.run(command, cwd=ROOT, check=False, env=os.environ | _quiet()).returncode  # noqa: S603
    if failed:
        click.echo(f"failed before the tests: {', '.join(failed)}", err=True)
    sys.exit(status or (1 if failed else 0))


def _quiet() -> dict[str, str]:
    """Settings of the person's shell must not reach the tests: they bring their own servers and model."""
    prefixes = ("NATS_", "DATABASE_URL", "OPENAI_", "JWT_SECRET")
    return {name: "" for name in os.environ if name.startswith(prefixes)}
