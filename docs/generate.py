"""`python -m docs.generate` writes docs/reference anew; with `--check` it writes nothing and says which pages are out of date."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from cli import reference
from docs.generating import contracts, http, operations, simulation

__all__ = ["REFERENCE", "outdated", "pages"]

REFERENCE = Path(__file__).resolve().parent / "reference"


def pages() -> dict[str, str]:
    """Every generated file below docs/reference with its text."""
    return {
        **dict(reference.pages()),  # settings.md, nats.md, metrics.md: also written by `jobstream reference`
        "events.md": contracts.events_page(),
        "commands.md": contracts.commands_page(),
        "frames.md": contracts.frames_page(),
        "errors.md": contracts.errors_page(),
        "http.md": http.page(),
        "messages.md": operations.messages_page(),
        "command-line.md": operations.command_line_page(),
        "fault-points.md": operations.fault_points_page(),
        "read-models.md": operations.read_models_page(),
        "simulation.md": simulation.simulation_page(),
        "schemas/events-and-commands.schema.json": contracts.json_schema(),
        "schemas/nats.asyncapi.json": contracts.nats_asyncapi(),
        "schemas/socket.asyncapi.json": contracts.socket_asyncapi(),
        "schemas/openapi.json": http.openapi(),
    }


def outdated(wanted: Mapping[str, str]) -> list[str]:
    """The names of pages whose file is missing or says something else."""
    return [name for name, text in wanted.items() if _read(REFERENCE / name) != text]


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: list[str]) -> int:
    """Write, or check; the exit status."""
    wanted = pages()
    stale = outdated(wanted)
    if arguments == ["--check"]:
        print("\n".join(f"docs/reference/{name} is out of date: run python -m docs.generate" for name in stale))
        return 1 if stale else 0
    if arguments:
        print("usage: python -m docs.generate [--check]", file=sys.stderr)
        return 2
    for name in stale:
        path = REFERENCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name], encoding="utf-8")
        print(f"wrote docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
