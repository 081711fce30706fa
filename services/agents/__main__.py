"""`python -m services.agents`"""

from __future__ import annotations

from libs.process.lifecycle import Stopping
from libs.process.lifecycle import run as run_process
from libs.process.settings import load
from services.agents.service import SERVICE, run
from services.agents.settings import AgentsSettings


async def main(stopping: Stopping) -> None:
    await run(load(AgentsSettings), stopping)


if __name__ == "__main__":
    run_process(SERVICE, main)
