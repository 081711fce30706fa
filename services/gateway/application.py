"""The ASGI application out of use cases and ports; whoever calls chooses the adapters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig

from libs.process.clock import Clock
from libs.process.health import Health
from services.gateway.access import Gate
from services.gateway.actions import Actions
from services.gateway.answers import EXCEPTION_HANDLERS
from services.gateway.computing import Computing
from services.gateway.creation import Creation, Kinds
from services.gateway.handlers.actions import action_handlers
from services.gateway.handlers.apps import app_handlers
from services.gateway.handlers.artifacts import artifact_handlers
from services.gateway.handlers.auth import auth_handlers
from services.gateway.handlers.events import event_handlers
from services.gateway.handlers.jobs import job_handlers
from services.gateway.handlers.operations import operations_handlers
from services.gateway.handlers.profiles import profile_handlers
from services.gateway.handlers.simulations import simulation_handlers
from services.gateway.jobs import JobReader
from services.gateway.limits import RequestRate
from services.gateway.live import Live
from services.gateway.observing import Observed
from services.gateway.origins import LOOPBACK_ORIGIN, Origins
from services.gateway.passwords import Passwords
from services.gateway.ports import Accounts, Commands, IdempotencyKeys, Lists, Objects, Simulations
from services.gateway.preparation import Preparation
from services.gateway.profiles import ProfileDesk
from services.gateway.settings import GatewaySettings
from services.gateway.sign_in import SignIn
from services.gateway.simulations import SimulationReader
from services.gateway.tokens import AccessTokens

__all__ = ["application"]

_EXPOSED = ["Link", "Location", "Retry-After", "Idempotency-Replayed", "ETag", "Content-Disposition"]


def application(
    settings: GatewaySettings,
    *,
    accounts: Accounts,
    passwords: Passwords,
    tokens: AccessTokens,
    jobs: JobReader,
    lists: Lists,
    simulations: SimulationReader,
    simulation_lists: Simulations,
    preparation: Preparation,
    profiles: ProfileDesk,
    computing: Computing,
    objects: Objects,
    commands: Commands,
    keys: IdempotencyKeys,
    live: Live,
    origins: Origins,
    health: Health,
    check_database: Callable[[], Awaitable[None]],
    clock: Clock,
) -> Any:
    """What uvicorn serves. It has no lifespan: its parts are opened before it and closed after it."""
    sign_in = SignIn(
        accounts,
        passwords,
        tokens,
        failures_per_account_and_address=settings.login_failures_per_account_and_address,
        failures_per_account=settings.login_failures_per_account,
        failures_per_address=settings.login_failures_per_address,
        registrations_per_address=settings.registrations_per_address,
    )
    gate = Gate(tokens, RequestRate(settings.requests_per_second, settings.requests_burst))
    kinds = Kinds(settings.job_kinds, settings.job_approvals)
    creation = Creation(kinds, commands, keys, jobs, clock, preparation)
    actions = Actions(jobs, commands, wait_seconds=settings.outcome_wait_seconds)
    described = [
        *auth_handlers(sign_in, gate),
        *job_handlers(gate, creation, jobs, lists),
        *action_handlers(gate, actions),
        *event_handlers(gate, jobs, live),
        *app_handlers(gate, jobs, lists),
        *artifact_handlers(gate, jobs, objects),
        *simulation_handlers(gate, creation, preparation, simulations, simulation_lists, actions, computing),
        *profile_handlers(gate, profiles),
    ]
    operations = operations_handlers(health, live, check_database, described)
    litestar = Litestar(
        route_handlers=[*described, *operations, *live.handlers()],
        exception_handlers=EXCEPTION_HANDLERS,
        cors_config=CORSConfig(
            allow_origins=list(origins.allowed),
            allow_origin_regex=f"(?i:{LOOPBACK_ORIGIN})" if origins.loopback else None,
            expose_headers=_EXPOSED,
            max_age=600,
        ),
        request_max_body_size=settings.body_bytes_max,
        openapi_config=None,
        logging_config=None,
    )
    return Observed(litestar)
