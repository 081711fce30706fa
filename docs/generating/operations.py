"""What operators look at: messages, the command line, fault points, tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import click

from docs.generating.markdown import code, page, table
from infra.nats.topology import topology
from libs.events import schemas
from libs.jobs.schemas import JOBS
from services.runner.fault_points import FAULT_POINTS

__all__ = [
    "BEYOND_CLASSES",
    "command_line_page",
    "fault_points_page",
    "messages_page",
    "read_beyond_classes",
    "read_models_page",
]

_ROOT = Path(__file__).resolve().parents[2]
_WIDTH = 100
_SOURCES = ("libs", "services", "cli")

_CORE = (
    ("live.<owner>.<job>.<type>", "EVENTS republishes here what it has stored: the same payload and headers"),
    ("delta.<owner>.<job>", 'a reply or step being written, never stored: `{"stream","attempt","offset","text"}`'),
    ("outcome.<gateway>", "what became of a command, for the gateway that sent it; a courtesy, the log is the truth"),
    ("worker.<worker>", 'a worker answers whether it holds an attempt: `{"job","attempt"}` -> `{"holds"}`'),
)
BEYOND_CLASSES: dict[str, str] = {
    "LOG_LEVEL": "`debug`, `info`, `warning` or `error`; every process. Default `info`.",
    "FAULT_POINTS": "Arms [fault points](fault-points.md): `name=action@n`, comma-separated. For tests and chaos runs.",
    "RUNTIME_FILE": "Where a service writes its pid and addresses; set by the supervisor.",
    "JOBSTREAM_PARENT_WATCH": "Ends a process together with the one that started it; set by the supervisor.",
    "JOBSTREAM_URL": "The gateway that the command line talks to. Default: the one last signed in to, else `http://127.0.0.1:8080`.",
    "XDG_CONFIG_HOME": "Below it the command line keeps its session (`jobstream/session.json`). Default `~/.config`.",
    "NUMBA_CACHE_DIR": "Where the compiled simulation engine is kept. Default: `XDG_CACHE_HOME`, else `~/.cache`, where it can be written.",
    "XDG_CACHE_HOME": "See `NUMBA_CACHE_DIR`.",
    "JOBSTREAM_PYTHON": "The Python that the `jobstream` script makes `.venv` with.",
    "<SERVICE>_NATS_USER, _PASSWORD, _CREDS": "With `up` and an outside NATS: the credentials of that one service, "
    "as `GATEWAY_NATS_USER`.",
}


def messages_page() -> str:
    """docs/reference/messages.md"""
    consumers = (
        (code(f"{stream.name}/{each.durable_name}"), each.description, ", ".join(code(f) for f in each.filter_subjects))
        for stream, each in ((stream, each) for stream, consumers in topology().items() for each in consumers)
    )
    return page(
        "Messages on NATS",
        "Streams and rights are in [NATS](nats.md), payloads in [Events](events.md) and [Commands](commands.md). `<owner>`, `<job>` and `<id>` (of a "
        "job or a profile) are UUIDs in their canonical form.",
        "## Durable consumers",
        "Pull, explicit acknowledgement, as many deliveries as it takes. A message stays with a silent worker for `LEASE_SECONDS`.",
        table(("Consumer", "For", "Filters"), consumers),
        "## Subjects that are never stored",
        table(("Subject", "Carries"), ((code(subject), what) for subject, what in _CORE)),
        "## Headers",
        table(("Header", "Meaning"), _headers()),
    )


def _headers() -> Iterator[tuple[str, str]]:
    meanings = {
        "Nats-Msg-Id": "id of the event or command",
        "Event-Version": "the version of its job or profile, counted from 1 without gaps",
        "Event-Schema": "schema version of the payload",
        "Event-Time": "when it happened; never runs backwards within a job",
        "Correlation-Id": "what everything that follows from one command shares",
        "Causation-Id": "the command or event that caused this one",
        "traceparent": "W3C trace context of the request, where it brought one",
    }
    message = next(iter(schemas.asyncapi("1", JOBS)["components"]["messages"].values()))
    for name in message["headers"]["properties"]:
        yield code(name), meanings[name]
    yield code("Command-Sequence"), "on events: the place in COMMANDS of the command they were decided for"
    yield code("Payload-Object"), "the object in ARTIFACTS that holds a payload above 64 KiB"
    yield code("Outcome-To"), "on commands: the gateway that waits for the outcome"


def command_line_page() -> str:
    """docs/reference/command-line.md"""
    from cli.__main__ import main

    blocks = [
        "`./jobstream` finds Python, makes or refreshes `.venv` from the lock file, and becomes the command below. The line `ready URL` of `up` and "
        "`demo` on standard output means that everything serves. Exit status: 0 after a clean end, 1 after a failure, 2 for wrong settings or "
        "arguments, 3 where another process serves the same data folder.",
        _help(main, "jobstream"),
    ]
    context = click.Context(main, info_name="jobstream")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        if name == "test":
            blocks += ["## test", "`jobstream test [ARGUMENTS]`: " + (command.help or "")]
        else:
            blocks += _sections(command, f"jobstream {name}", "##")
    blocks += ["## Variables", "Those that are no [settings](settings.md) of a service.", _variables()]
    return page("Command line", *blocks)


def _sections(command: click.Command, name: str, mark: str) -> list[str]:
    """The help of a command and of those below it."""
    heading = name.removeprefix("jobstream ")
    blocks = [f"{mark} {heading}", _help(command, name)]
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            blocks += _sections(found, f"{name} {below}", f"{mark}#")
    return blocks


def _variables() -> str:
    return table(("Name", "Meaning"), ((code(name), meaning) for name, meaning in BEYOND_CLASSES.items()))


def read_beyond_classes() -> set[str]:
    """The variables that the code reads from `os.environ` by name."""
    return {name for folder in _SOURCES for path in (_ROOT / folder).rglob("*.py") for name in _environ_names(path)}


def _environ_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if ast.unparse(node.func) == "os.environ.get":
                yield name
            case ast.Subscript(slice=ast.Constant(value=str(name))) if ast.unparse(node.value) == "os.environ":
                yield name
            case _:
                pass


def _help(command: click.Command, name: str) -> str:
    from cli.__main__ import main

    # The names of the help option are inherited, and remembered by a command that was asked once.
    context = click.Context(
        command, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH, **main.context_settings
    )
    return f"```text\n{command.get_help(context)}\n```"


def fault_points_page() -> str:
    """docs/reference/fault-points.md"""
    found = sorted(
        (point, path.relative_to(_ROOT).as_posix(), function)
        for folder in ("libs", "services")
        for path in (_ROOT / folder).rglob("*.py")
        for point, function in _points(path)
    )
    rows = (
        (code(point), FAULT_POINTS.get(point, ""), f"[`{path}`](../../{path})", code(function))
        for point, path, function in found
    )
    return page(
        "Fault points",
        'Places where a crash hurts most. A process armed with `FAULT_POINTS="append.before_ack=kill@3"` kills itself (`kill`), raises (`raise`) or '
        "stops for ever (`hang`) when it reaches the point for the third time; without `@n`, the first time. Unarmed, a point costs nothing worth "
        "naming.",
        table(("Point", "What is the case there", "File", "Function"), rows),
    )


def _points(path: Path) -> Iterator[tuple[str, str]]:
    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            if isinstance(child, ast.Call) and ast.unparse(child.func) == "faults.reach":
                assert isinstance(child.args[0], ast.Constant)
                yield str(child.args[0].value), function
            yield from walk(child, name)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), "")


def read_models_page() -> str:
    """docs/reference/read-models.md"""
    sql = (_ROOT / "services" / "projector" / "schema.sql").read_text(encoding="utf-8").strip()
    return page(
        "Read models",
        "The projector's tables, in the schema `read` (setting `READ_SCHEMA`) of the database. The role of the gateway may read them and nobody but "
        "the projector may write them. They are made from the log and from nothing else: query and join them freely, never write to them.",
        f"```sql\n{sql}\n```",
    )
