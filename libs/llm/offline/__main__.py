"""The offline model as a server of its own: `python -m libs.llm.offline --port 8100`."""

from __future__ import annotations

import click

from libs.llm.offline import offline_app
from libs.llm.standalone import serve_until_stopped


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8100, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--token-delay-ms",
    default=15.0,
    show_default=True,
    envvar="OFFLINE_MODEL_TOKEN_DELAY_MS",
    type=click.FloatRange(0, 10_000),
    help="How long it takes for each word or two.",
)
def main(host: str, port: int, token_delay_ms: float) -> None:
    """Serve the offline model until interrupted; prints `ready URL` once it serves."""
    serve_until_stopped("offline-model", offline_app(token_delay_ms=token_delay_ms), host, port)


if __name__ == "__main__":
    main()
