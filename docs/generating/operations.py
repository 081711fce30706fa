"""What operators look at: streams and users, metrics, the command line, fault points, tables."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import click

from docs.generating.markdown import code, page, table
from infra.nats.accounts import USERS
from infra.nats.topology import Stream, topology
from libs.jobs import schemas
from libs.process import metrics

__all__ = ["command_line_page", "fault_points_page", "metrics_page", "nats_page", "read_models_page"]

_ROOT = Path(__file__).resolve().parents[2]
_WIDTH = 100
_METRIC = ("Metric", "Type", "Labels", "Meaning")

_CORE = (
    ("live.<owner>.<job>.<type>", "EVENTS republishes here what it has stored: the same payload and headers"),
    ("delta.<owner>.<job>", 'a reply or step being written, never stored: `{"stream","attempt","offset","text"}`'),
    ("outcome.<gateway>", "what became of a command, for the gateway that sent it; a courtesy, the log is the truth"),
    ("worker.<worker>", 'a worker answers whether it holds an attempt: `{"job","attempt"}` -> `{"holds"}`'),
)
_PREFIXES = {
    "libs.process": "every service",
    "libs.events": "every service that uses the log",
    "libs.jobs": "agents, runner",
    "libs.llm": "agents, runner",
    "libs.workflow": "runner",
    "services.gateway": "gateway",
    "services.agents": "agents",
    "services.runner": "runner",
    "services.projector": "projector",
}


def nats_page() -> str:
    """docs/reference/nats.md"""
    found = topology()
    streams = ((code(s.name), code(", ".join(s.subjects)), s.description, _options(s)) for s in found)
    consumers = (
        (code(f"{stream.name}/{each.durable_name}"), each.description, ", ".join(code(f) for f in each.filter_subjects))
        for stream, each in ((stream, each) for stream, consumers in found.items() for each in consumers)
    )
    blocks = [
        "Everything here is data in `infra/nats/topology.py` and `infra/nats/accounts.py`, applied at every start, and exported to "
        "`infra/nats/streams/*.json` for `nats stream add --config` and `nats consumer add --config`. `<owner>` and `<job>` are canonical UUIDs.",
        "## Streams",
        table(("Stream", "Subjects", "Holds", "Options"), streams),
        "## Consumers",
        "Durable, pull, explicit acknowledgement, as many deliveries as it takes. A message stays with a silent worker for `LEASE_SECONDS`.",
        table(("Consumer", "For", "Filters"), consumers),
        "## Core subjects",
        table(("Subject", "Carries"), ((code(subject), what) for subject, what in _CORE)),
        "## Headers",
        table(("Header", "Meaning"), _headers()),
        "## Users",
        "One for each service, with the rights it uses. `operator` is for people with NATS tools, `admin` for applying the streams. "
        "Replies go below `_INBOX_<user>`, where nobody else may listen.",
    ]
    for user in USERS.values():
        blocks.append(f"### {user.name}")
        publish, subscribe = ", ".join(map(code, user.publish)), ", ".join(map(code, user.subscribe))
        blocks.append(f"Publishes to {publish}.\n\nSubscribes to {subscribe}.")
    return page("NATS", *blocks)


def _options(stream: Stream) -> str:
    told = [f"retention {stream.retention}"]
    told += ["atomic batches"] * stream.allow_atomic + ["schedules"] * stream.allow_msg_schedules
    told += ["single messages cannot be deleted"] * stream.deny_delete
    told += [f"at most {stream.max_msgs_per_subject} a subject"] * (stream.max_msgs_per_subject > 0)
    told += [f"at most {stream.max_age // 3_600_000_000_000} hours old"] * (stream.max_age > 0)
    if stream.republish:
        told.append(f"republishes `{stream.republish.src}` to `{stream.republish.dest}`")
    return "; ".join(told)


def _headers() -> Iterator[tuple[str, str]]:
    meanings = {
        "Nats-Msg-Id": "id of the event or command",
        "Event-Version": "the job's version, counted from 1 without gaps",
        "Event-Schema": "schema version of the payload",
        "Event-Time": "when it happened; never runs backwards within a job",
        "Correlation-Id": "what everything that follows from one command shares",
        "Causation-Id": "the command or event that caused this one",
        "traceparent": "W3C trace context of the request, where it brought one",
    }
    message = next(iter(schemas.asyncapi("1")["components"]["messages"].values()))
    for name in message["headers"]["properties"]:
        yield code(name), meanings[name]
    yield code("Command-Sequence"), "on events: the place in COMMANDS of the command they were decided for"
    yield code("Payload-Object"), "the object in ARTIFACTS that holds a payload above 64 KiB"
    yield code("Outcome-To"), "on commands: the gateway that waits for the outcome"


def metrics_page() -> str:
    """docs/reference/metrics.md"""
    blocks = [
        "Served at `/metrics` of every process, in Prometheus' text format. Names are `jobstream_<what>_<unit>`; labels are bounded sets, never "
        "an id. Counters end in `_total`; a histogram also has `_bucket`, `_count` and `_sum`. The process and Python metrics of "
        "`prometheus_client` are there as well. Alerts that use them: [`infra/prometheus/alerts.yaml`](../../infra/prometheus/alerts.yaml)."
    ]
    for prefix in _PREFIXES:
        _import_all(prefix)
    declared = {prefix: _source(prefix) for prefix in _PREFIXES}
    found: dict[str, list[tuple[str, str, str, str]]] = {prefix: [] for prefix in _PREFIXES}
    for collector, names in dict(metrics.registry._collector_to_names).items():
        name = getattr(collector, "_name", "")
        place = next((prefix for prefix, text in declared.items() if re.search(rf'"{name}(_total)?"', text)), None)
        if name and place is not None:
            shown = f"{name}_total" if f"{name}_total" in names else name
            labels = ", ".join(code(label) for label in getattr(collector, "_labelnames", ()))
            found[place].append((code(shown), collector._type, labels, collector._documentation))
    for prefix, rows in found.items():
        if rows:
            blocks += [f"## {prefix}: {_PREFIXES[prefix]}", table(_METRIC, sorted(rows))]
    return page("Metrics", *blocks)


def _import_all(prefix: str) -> None:
    package = importlib.import_module(prefix)
    for module in pkgutil.walk_packages(package.__path__, f"{prefix}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _source(prefix: str) -> str:
    """Everything that stands in a package's modules: where a metric's name stands is where it is declared."""
    folder = _ROOT.joinpath(*prefix.split("."))
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))


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
            blocks += [f"## {name}", _help(command, f"jobstream {name}")]
    return page("Command line", *blocks)


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH)
    return f"```text\n{command.get_help(context)}\n```"


def fault_points_page() -> str:
    """docs/reference/fault-points.md"""
    found = sorted(
        (point, path.relative_to(_ROOT).as_posix(), function)
        for folder in ("libs", "services")
        for path in (_ROOT / folder).rglob("*.py")
        for point, function in _points(path)
    )
    rows = ((code(point), f"[`{path}`](../../{path})", code(function)) for point, path, function in found)
    return page(
        "Fault points",
        'Places where a crash hurts most. A process armed with `FAULT_POINTS="append.before_ack=kill@3"` kills itself (`kill`), raises (`raise`) or '
        "stops for ever (`hang`) when it reaches the point for the third time; without `@n`, the first time. Unarmed, a point costs nothing worth "
        "naming.",
        table(("Point", "File", "Function"), rows),
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
