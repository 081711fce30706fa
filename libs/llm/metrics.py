"""What calling the model costs, as metrics. Labels are bounded: the known roles, and the outcomes of `libs.llm.port`."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from libs.llm.port import Usage
from libs.llm.prompts import ROLES
from libs.process.metrics import registry

__all__ = ["call_failed", "call_succeeded", "first_token"]

_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

_calls = Counter(
    "jobstream_model_calls",
    "Calls of the chat model, by who spoke and how it ended (ok, or the error's code).",
    ["role", "outcome"],
    registry=registry,
)
_tokens = Counter(
    "jobstream_model_tokens",
    "Tokens the chat model read (prompt) and wrote (completion).",
    ["role", "kind"],
    registry=registry,
)
_latency = Histogram(
    "jobstream_model_call_seconds",
    "From asking the chat model to its whole reply or error.",
    ["role"],
    buckets=_BUCKETS,
    registry=registry,
)
_first = Histogram(
    "jobstream_model_first_token_seconds",
    "From asking the chat model to the first words of a streamed reply.",
    ["role"],
    buckets=_BUCKETS,
    registry=registry,
)


def call_succeeded(role: str, usage: Usage) -> None:
    label = _bounded(role)
    _calls.labels(label, "ok").inc()
    _tokens.labels(label, "prompt").inc(usage.prompt_tokens)
    _tokens.labels(label, "completion").inc(usage.completion_tokens)
    _latency.labels(label).observe(usage.latency_seconds)


def call_failed(role: str, outcome: str, latency_seconds: float) -> None:
    label = _bounded(role)
    _calls.labels(label, outcome).inc()
    _latency.labels(label).observe(latency_seconds)


def first_token(role: str, seconds: float) -> None:
    _first.labels(_bounded(role)).observe(seconds)


def _bounded(role: str) -> str:
    return role if role in ROLES else "other"
