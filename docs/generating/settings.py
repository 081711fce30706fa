"""Every setting: from the classes that are loaded, and from the few variables that are read before any class is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from docs.generating.markdown import code, table
from docs.generating.markdown import page as whole
from docs.generating.structs import docstring, fields
from infra.embedded.settings import SupervisorSettings
from libs.events.connection import NatsSettings
from libs.llm.settings import ModelSettings
from libs.process.settings import Settings
from services.agents.settings import AgentsSettings
from services.gateway.live import LiveSettings
from services.gateway.settings import GatewaySettings
from services.projector.settings import ProjectorSettings
from services.runner.settings import RunnerSettings

__all__ = ["BEYOND_CLASSES", "page", "read_beyond_classes"]

_CLASSES: tuple[tuple[str, str, type[Settings]], ...] = (
    ("up", "`jobstream up` and `demo`", SupervisorSettings),
    ("nats", "NATS, for each service", NatsSettings),
    ("model", "The model, for agents and runner", ModelSettings),
    ("gateway", "gateway", GatewaySettings),
    ("live", "gateway, sockets and event streams", LiveSettings),
    ("agents", "agents", AgentsSettings),
    ("runner", "runner", RunnerSettings),
    ("projector", "projector", ProjectorSettings),
)

BEYOND_CLASSES: dict[str, str] = {
    "LOG_LEVEL": "`debug`, `info`, `warning` or `error`; every process. Default `info`.",
    "FAULT_POINTS": "Arms [fault points](fault-points.md): `name=action@n`, comma-separated. For tests and chaos runs.",
    "RUNTIME_FILE": "Where a service writes its pid and addresses; set by the supervisor.",
    "JOBSTREAM_PARENT_WATCH": "Ends a process together with the one that started it; set by the supervisor.",
    "JOBSTREAM_URL": "The gateway that the command line talks to. Default: the one last signed in to, else `http://127.0.0.1:8080`.",
    "XDG_CONFIG_HOME": "Below it the command line keeps its session (`jobstream/session.json`). Default `~/.config`.",
    "JOBSTREAM_PYTHON": "The Python that the `jobstream` script makes `.venv` with.",
    "<SERVICE>_NATS_USER, _PASSWORD, _CREDS": "With `up` and an outside NATS: the credentials of that one service, "
    "as `GATEWAY_NATS_USER`.",
}

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("libs", "services", "cli")
_INTRODUCTION = """\
Settings are environment variables, named as below. An empty variable counts as unset; lists are `a,b`, mappings are `a=1,b=2`, booleans
are `true`/`false`/`1`/`0`/`on`/`off`/`yes`/`no`. A process that finds mistakes names all of them and exits with status 2.

`jobstream up --config FILE` reads the same names from a file (`NAME=value` lines, or one flat table in `.toml` or `.json`); the environment
goes before the file. `up` hands every variable on to the services, except secrets that are not theirs."""


def page() -> str:
    """docs/reference/settings.md"""
    blocks = [_INTRODUCTION]
    for _, heading, cls in _CLASSES:
        blocks += [f"## {heading}", docstring(cls), _table(cls)]
    blocks += [
        "## Read outside of these",
        table(("Name", "Meaning"), ((code(n), m) for n, m in BEYOND_CLASSES.items())),
    ]
    return whole("Settings", *blocks)


def _table(cls: type[Settings]) -> str:
    # What the gateway inherits is in the section on NATS.
    rows = (
        (code(each.name.upper()), code(each.type), _default(each.default), each.doc)
        for each in fields(cls, inherited=False)
    )
    return table(("Name", "Type", "Default", "Meaning"), rows)


def _default(written: str | None) -> str:
    match written:
        case None:
            return "must be set"
        case "None":
            return "unset"
        case _:
            return code(written)


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
