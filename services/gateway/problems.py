"""What can go wrong for a client: one closed list of codes, shared by HTTP problems (RFC 9457) and `error` frames.

`code` is what programs decide by; `detail` is one plain sentence for people. A code is never renamed; `/problems/` lists them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

__all__ = ["Code", "Fault", "Problem", "ProblemDocument"]


class _Spec(NamedTuple):
    status: int
    title: str
    retryable: bool = False


class Code(StrEnum):
    """Every code a client can meet."""

    # what was sent cannot be read or is not allowed
    INVALID_JSON = "invalid_json"
    INVALID_INPUT = "invalid_input"
    INVALID_PARAMETER = "invalid_parameter"
    INVALID_REQUEST = "invalid_request"
    UNKNOWN_KIND = "unknown_kind"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    TOO_LARGE = "too_large"
    REQUEST_TIMEOUT = "request_timeout"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    IDEMPOTENCY_MISMATCH = "idempotency_mismatch"
    # who is asking
    TOKEN_MISSING = "token_missing"  # noqa: S105
    TOKEN_INVALID = "token_invalid"  # noqa: S105
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    CREDENTIALS_INVALID = "credentials_invalid"
    REFRESH_INVALID = "refresh_invalid"
    REFRESH_REUSED = "refresh_reused"
    TICKET_INVALID = "ticket_invalid"
    AUTH_TIMEOUT = "auth_timeout"
    ORIGIN_FORBIDDEN = "origin_forbidden"
    EMAIL_TAKEN = "email_taken"
    # what is asked for
    NOT_FOUND = "not_found"
    NO_SUCH_JOB = "no_such_job"
    NO_SUCH_APP = "no_such_app"
    NO_SUCH_PROFILE = "no_such_profile"
    NO_SUCH_ARTIFACT = "no_such_artifact"
    NO_RESULT = "no_result"
    CURSOR_BEYOND_HEAD = "cursor_beyond_head"
    NOT_ALLOWED_NOW = "not_allowed_now"
    NOBODY_WAITS = "nobody_waits"
    NO_SUCH_APPROVAL = "no_such_approval"
    APPROVAL_OUTDATED = "approval_outdated"
    PROFILE_EXISTS = "profile_exists"
    PROFILE_CHANGED = "profile_changed"
    PROFILE_NAME_FIXED = "profile_name_fixed"
    PROFILE_READ_ONLY = "profile_read_only"
    TOO_MANY_PROFILES = "too_many_profiles"
    # how much, and how we are
    RATE_LIMITED = "rate_limited"
    LOGIN_RATE_LIMITED = "login_rate_limited"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    SLOW_READER = "slow_reader"
    DATABASE_UNAVAILABLE = "database_unavailable"
    LOG_UNAVAILABLE = "log_unavailable"
    UNREADABLE_EVENT = "unreadable_event"
    DRAINING = "draining"
    OVERLOADED = "overloaded"
    INTERNAL_ERROR = "internal_error"

    @property
    def status(self) -> int:
        """The HTTP status it comes with."""
        return _SPECS[self].status

    @property
    def heading(self) -> str:
        return _SPECS[self].title

    @property
    def retryable(self) -> bool:
        """Whether the very same request may succeed later."""
        return _SPECS[self].retryable


_SPECS: dict[Code, _Spec] = {
    Code.INVALID_JSON: _Spec(400, "The body or frame is not JSON that can be read"),
    Code.INVALID_INPUT: _Spec(422, "A field is missing, unknown or has a value that is not allowed"),
    Code.INVALID_PARAMETER: _Spec(400, "A part of the path, the query or a header is not allowed"),
    Code.INVALID_REQUEST: _Spec(400, "What is asked for cannot be done as it is described"),
    Code.UNKNOWN_KIND: _Spec(422, "There is no such kind of job or frame"),
    Code.UNSUPPORTED_MEDIA_TYPE: _Spec(415, "Bodies must be application/json"),
    Code.TOO_LARGE: _Spec(413, "The body or frame is too large"),
    Code.REQUEST_TIMEOUT: _Spec(408, "The request did not come in time", True),
    Code.METHOD_NOT_ALLOWED: _Spec(405, "This address does not know that method"),
    Code.IDEMPOTENCY_MISMATCH: _Spec(422, "The idempotency key was used with another body"),
    Code.TOKEN_MISSING: _Spec(401, "An access token is needed"),
    Code.TOKEN_INVALID: _Spec(401, "The access token is not valid"),
    Code.TOKEN_EXPIRED: _Spec(401, "The access token has expired"),
    Code.CREDENTIALS_INVALID: _Spec(401, "Email or password is wrong"),
    Code.REFRESH_INVALID: _Spec(401, "The refresh token is not valid"),
    Code.REFRESH_REUSED: _Spec(401, "The refresh token was used before; its whole family is revoked"),
    Code.TICKET_INVALID: _Spec(401, "The ticket is unknown, used or expired"),
    Code.AUTH_TIMEOUT: _Spec(408, "No credentials came in time"),
    Code.ORIGIN_FORBIDDEN: _Spec(403, "Pages of this origin may not connect"),
    Code.EMAIL_TAKEN: _Spec(409, "There is an account with this email"),
    Code.NOT_FOUND: _Spec(404, "There is nothing at this address"),
    Code.NO_SUCH_JOB: _Spec(404, "You have no such job"),
    Code.NO_SUCH_APP: _Spec(404, "You have no such app"),
    Code.NO_SUCH_PROFILE: _Spec(404, "You have no such profile"),
    Code.NO_SUCH_ARTIFACT: _Spec(404, "The job has no such file"),
    Code.NO_RESULT: _Spec(404, "The job has no result"),
    Code.CURSOR_BEYOND_HEAD: _Spec(409, "The job has not come that far"),
    Code.NOT_ALLOWED_NOW: _Spec(409, "The job does not allow this now"),
    Code.NOBODY_WAITS: _Spec(409, "Nothing waits for this signal now"),
    Code.NO_SUCH_APPROVAL: _Spec(409, "This approval is not asked for now"),
    Code.APPROVAL_OUTDATED: _Spec(409, "The approval was asked for anew"),
    Code.PROFILE_EXISTS: _Spec(409, "You have a profile of this type and name"),
    Code.PROFILE_CHANGED: _Spec(409, "The profile was changed by somebody else first"),
    Code.PROFILE_NAME_FIXED: _Spec(409, "A profile keeps its name and type"),
    Code.PROFILE_READ_ONLY: _Spec(403, "Default profiles cannot be changed"),
    Code.TOO_MANY_PROFILES: _Spec(409, "You have as many profiles as you may have"),
    Code.RATE_LIMITED: _Spec(429, "Too many requests", True),
    Code.LOGIN_RATE_LIMITED: _Spec(429, "Too many attempts to sign in", True),
    Code.TOO_MANY_CONNECTIONS: _Spec(429, "Too many open connections", True),
    Code.SLOW_READER: _Spec(503, "The client reads too slowly", True),
    Code.DATABASE_UNAVAILABLE: _Spec(503, "The database does not answer", True),
    Code.LOG_UNAVAILABLE: _Spec(503, "The event log does not answer", True),
    Code.UNREADABLE_EVENT: _Spec(503, "The job has an event that this server is too old to read", True),
    Code.DRAINING: _Spec(503, "This server is about to stop", True),
    Code.OVERLOADED: _Spec(503, "The server has too much to do", True),
    Code.INTERNAL_ERROR: _Spec(500, "Something went wrong on our side", True),
}


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with the input: `pointer` is a JSON pointer into the body, or names a parameter as `?limit` or a header."""

    pointer: str
    detail: str


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every answer with a status of 400 or more: `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[Fault, ...] = ()
    allowed: tuple[str, ...] | None = None  # with 409: the verbs that the job allows now
    retry_after: int | None = None  # seconds, as in the Retry-After header


class Problem(Exception):
    """An answer that says no. `detail` never repeats secrets or what the client sent."""

    def __init__(
        self,
        code: Code,
        detail: str | None = None,
        *,
        errors: Sequence[Fault] = (),
        allowed: Sequence[str] | None = None,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        self.code = code
        self.detail = detail or code.heading + "."
        self.errors = tuple(errors)
        self.allowed = None if allowed is None else tuple(allowed)
        self.retry_after = None if retry_after is None else max(1, int(retry_after + 0.999))
        self.status = status or code.status
        super().__init__(self.detail)

    @property
    def document(self) -> ProblemDocument:
        return ProblemDocument(
            type=f"/problems/{self.code}",
            title=self.code.heading,
            status=self.status,
            detail=self.detail,
            code=self.code.value,
            errors=self.errors,
            allowed=self.allowed,
            retry_after=self.retry_after,
        )
