"""`python -m services.runner`"""

from __future__ import annotations

from libs.events.connection import NatsSettings
from libs.llm.settings import ModelSettings
from libs.process.lifecycle import Stopping
from libs.process.lifecycle import run as run_process
from libs.process.settings import load_all
from services.runner.service import SERVICE, run
from services.runner.settings import RunnerSettings


async def main(stopping: Stopping) -> None:
    settings, nats, model = load_all(RunnerSettings, NatsSettings, ModelSettings)
    await run(settings, nats, model, stopping)


if __name__ == "__main__":
    run_process(SERVICE, main)
