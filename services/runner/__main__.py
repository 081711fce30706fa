"""`python -m services.runner`"""

from __future__ import annotations

from libs.process.lifecycle import Stopping
from libs.process.lifecycle import run as run_process
from libs.process.settings import load
from services.runner.service import SERVICE, run
from services.runner.settings import RunnerSettings


async def main(stopping: Stopping) -> None:
    await run(load(RunnerSettings), stopping)


if __name__ == "__main__":
    run_process(SERVICE, main)
