"""Makes the project's own Python environment, `.venv`, from the lock file. Called by `./jobstream`; needs only Python.

`bootstrap.py <folder of the project> <stamp> run|test`: installs `requirements.lock` (for `test` also
`requirements-dev.lock`) with hashes checked, makes the project importable in place, and writes the stamp last, so that
an interrupted run is simply done again. Two that start together wait for each other.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

LOCKS = {"run": "requirements.lock", "test": "requirements-dev.lock"}


def main(project: Path, stamp: str, purpose: str) -> None:
    """Bring `.venv` up to date. Raises `SystemExit` with one sentence when that fails."""
    environment = project / ".venv"
    environment.mkdir(exist_ok=True)
    with (environment / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another start is preparing the environment; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if read(environment / f".stamp-{purpose}") == stamp:
            return
        python = environment / "bin" / "python"
        if not works(python):
            say(f"making {environment} with Python {sys.version.split()[0]} ...")
            clear(environment)
            venv.EnvBuilder(with_pip=True, symlinks=True).create(environment)
        say(f"installing the packages of {LOCKS[purpose]} (once; about a minute) ...")
        install(python, project / LOCKS[purpose])
        make_importable(environment, project)
        say("compiling the simulation engine (once; about ten seconds) ...")
        compile_engine(python)
        write(environment / f".stamp-{purpose}", stamp)


def works(python: Path) -> bool:
    """Whether the environment's Python runs, is new enough, and has pip."""
    check = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def clear(environment: Path) -> None:
    """Remove what an older or broken environment left, but not the lock we hold."""
    for entry in environment.iterdir():
        if entry.name == ".lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def install(python: Path, lock: Path) -> None:
    """Install exactly what the lock names. What is there already stays untouched, so running services are not disturbed."""
    command = [str(python), "-m", "pip", "install", "--require-hashes", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "on"] if sys.stderr.isatty() else ["--quiet", "--progress-bar", "off"]
    done = subprocess.run([*command, "-r", str(lock)], stdout=sys.stderr, check=False)  # noqa: S603
    if done.returncode != 0:
        raise SystemExit("jobstream: the packages could not be installed; see the lines above.")


def make_importable(environment: Path, project: Path) -> None:
    """Let the environment import the project from where it lies: no build, and nothing written into the project."""
    (packages,) = environment.glob("lib/python3.*/site-packages")
    write(packages / "jobstream.pth", f"{project}\n")
    facts = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if any(packages.glob("jobstream-*.dist-info")):
        return
    described = packages / f"jobstream-{facts['version']}.dist-info"
    described.mkdir()
    write(described / "METADATA", f"Metadata-Version: 2.1\nName: jobstream\nVersion: {facts['version']}\n")
    write(described / "INSTALLER", "jobstream\n")
    script = environment / "bin" / "jobstream"
    write(script, f"#!{environment}/bin/python -P\nfrom cli.__main__ import main\nmain()\n")
    script.chmod(0o755)


def compile_engine(python: Path) -> None:
    """So that nobody's first simulation waits for the compiler. Where this fails, that simulation compiles it, or says why it cannot."""
    command = [str(python), "-P", "-c", "from libs.blackjack import engine; engine.warm_up()"]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:  # noqa: S603
        say("the simulation engine was not compiled; the first simulation will do it.")


def read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def write(path: Path, text: str) -> None:
    """Replace the file in one step."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)


def say(text: str) -> None:
    print(f"jobstream: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    except OSError as error:
        raise SystemExit(f"jobstream: the environment could not be made: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
