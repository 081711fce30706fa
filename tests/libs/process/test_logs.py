from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from libs.process import logs

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """Logging belongs to the whole process: other tests find it as it was."""
    named = (None, "uvicorn", "uvicorn.error", *logs._QUIET)
    loggers = [logging.getLogger(name) for name in named]
    before = [(each.level, list(each.handlers), each.propagate) for each in loggers]
    logs.configure("gateway", "info")
    structlog.contextvars.clear_contextvars()
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    for each, (level, handlers, propagate) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.handlers[:] = handlers
        each.propagate = propagate


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_time_level_event_service_and_bound_ids(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.contextvars.bind_contextvars(job_id="j1", correlation_id="c1")
    structlog.get_logger().info("command.handled", verb="chat")
    (line,) = lines(capsys)
    assert line.pop("time")
    assert line == {
        "level": "info",
        "event": "command.handled",
        "service": "gateway",
        "verb": "chat",
        "job_id": "j1",
        "correlation_id": "c1",
    }


def test_the_standard_library_logs_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("nats.aio").warning("lost %s", "it")
    (line,) = lines(capsys)
    assert (line["event"], line["service"], line["logger"]) == ("lost it", "gateway", "nats.aio")


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().debug("noise")
    logging.getLogger("x").debug("noise")
    assert lines(capsys) == []


@pytest.mark.parametrize("key", ["token", "password", "JWT_SECRET", "authorization", "nats_password", "refresh_token"])
def test_values_of_secret_keys_are_blanked(capsys: pytest.CaptureFixture[str], key: str) -> None:
    structlog.get_logger().info("x", **{key: "hush"}, nested={"list": [{key: "hush"}]})
    assert "hush" not in capsys.readouterr().err


def test_counts_of_tokens_are_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("model.called", prompt_tokens=12, tokens=15)
    (line,) = lines(capsys)
    assert (line["prompt_tokens"], line["tokens"]) == (12, 15)


@pytest.mark.parametrize(
    "text",
    [
        "GET /ws/jobs/1/?token=hush&after=3",
        "GET /ws/jobs/1/?after=3&ticket=hush",
        "header Authorization: Bearer hush",
        "postgresql://gateway:hush@127.0.0.1:5432/jobstream",
    ],
)
def test_secrets_inside_texts_are_blanked(capsys: pytest.CaptureFixture[str], text: str) -> None:
    structlog.get_logger().info(text, detail=text)
    logging.getLogger("uvicorn.error").error("%s", text)
    written = capsys.readouterr().err
    assert "hush" not in written
    assert "***" in written


def test_a_bare_jwt_is_blanked() -> None:
    assert JWT not in logs.redact_text(f"refused {JWT} at the door")


def test_secrets_in_tracebacks_are_blanked(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ValueError("bad url /x?token=hush")

    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines(capsys)
    assert "ValueError" in str(line["exception"])
    assert "hush" not in str(line)


def test_access_logs_stay_silent(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /?token=x"')
    assert lines(capsys) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_the_log_disturbs_nobody() -> None:
    with Path("/dev/full").open("w", buffering=1) as full:
        logs.configure("gateway", "info", to=full)
        structlog.get_logger().info("http.request")
        logging.getLogger("nats.aio").warning("lost it")
        with pytest.raises(OSError, match="No space"):
            full.close()  # what the stream still holds
