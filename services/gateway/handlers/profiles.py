"""Profiles: casinos, players, strategies and counting systems to name in simulations."""

from __future__ import annotations

from litestar import delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler

from services.gateway.access import Gate
from services.gateway.answers import Answer, answer
from services.gateway.decoding import check_depth
from services.gateway.handlers.reading import HttpRequest, body_of, idempotency_key, path_uuid, query_of, traceparent
from services.gateway.openapi import Operation
from services.gateway.paging import cut, decode_cursor, next_link
from services.gateway.problems import Code
from services.gateway.profiles import Asking, Kept, ProfileDesk
from services.gateway.requests import (
    CopyProfileBody,
    CreateProfileBody,
    NoQuery,
    PatchProfileBody,
    ProfileQuery,
    ProfilesQuery,
    PutProfileBody,
)
from services.gateway.resources import ProfileDetail, ProfileView

__all__ = ["profile_handlers"]

_TAG = "profiles"
_LOG = (Code.LOG_UNAVAILABLE, Code.UNREADABLE_EVENT)
_HEADERS = {"Idempotency-Key": "The same key is the same command: sent again it changes nothing"}
_MADE = (Code.INVALID_REQUEST, Code.PROFILE_EXISTS, Code.TOO_MANY_PROFILES, Code.OVERLOADED, *_LOG)
_CHANGED = (
    Code.INVALID_REQUEST,
    Code.NO_SUCH_PROFILE,
    Code.PROFILE_CHANGED,
    Code.PROFILE_NAME_FIXED,
    Code.PROFILE_READ_ONLY,
    Code.OVERLOADED,
    *_LOG,
)
_LOCATION = {"Location": "The profile"}

CREATE = Operation(
    summary="Keep a profile; 202 where it is stored but not decided yet",
    tag=_TAG,
    body=CreateProfileBody,
    answers={201: ProfileDetail, 202: ProfileDetail},
    headers=_HEADERS,
    answer_headers=_LOCATION,
    problems=_MADE,
)
LIST = Operation(
    summary="Your profiles, newest first, then the defaults",
    tag=_TAG,
    query=ProfilesQuery,
    answers={200: list[ProfileView]},
    answer_headers={"Link": 'The next page, as `rel="next"`; absent on the last one'},
    problems=(Code.DATABASE_UNAVAILABLE,),
)
READ = Operation(
    summary="A profile, and how it is understood",
    tag=_TAG,
    query=NoQuery,
    answers={200: ProfileDetail},
    problems=(Code.NO_SUCH_PROFILE, Code.OVERLOADED, *_LOG),
)
PUT = Operation(
    summary="Replace a profile's data",
    tag=_TAG,
    body=PutProfileBody,
    answers={200: ProfileDetail, 202: ProfileDetail},
    headers=_HEADERS,
    problems=_CHANGED,
)
PATCH = Operation(
    summary="Change some of a profile's data",
    tag=_TAG,
    body=PatchProfileBody,
    answers={200: ProfileDetail, 202: ProfileDetail},
    headers=_HEADERS,
    problems=_CHANGED,
)
DELETE = Operation(
    summary="Delete a profile",
    tag=_TAG,
    query=ProfileQuery,
    answers={204: None},
    headers=_HEADERS,
    problems=(Code.NO_SUCH_PROFILE, Code.PROFILE_CHANGED, Code.PROFILE_READ_ONLY, *_LOG),
)
COPY = Operation(
    summary="A profile of your own with the data of this one, which may be a default",
    tag=_TAG,
    body=CopyProfileBody,
    answers={201: ProfileDetail, 202: ProfileDetail},
    headers=_HEADERS,
    answer_headers=_LOCATION,
    problems=(Code.NO_SUCH_PROFILE, *_MADE),
)


def profile_handlers(gate: Gate, desk: ProfileDesk) -> list[HTTPRouteHandler]:
    def asking(request: HttpRequest) -> Asking:
        return Asking(gate.admit(request), idempotency_key(request), traceparent(request))

    @post("/api/profiles", opt={"operation": CREATE})
    async def create_profile(request: HttpRequest) -> Answer:
        who = asking(request)
        body = await body_of(request, CreateProfileBody)
        check_depth(body.data, "/data")
        return _made(await desk.create(who, body))

    @get("/api/profiles", opt={"operation": LIST})
    async def list_profiles(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query = query_of(request, ProfilesQuery)
        found = await desk.page(
            principal.user_id,
            query.profile_type,
            default=query.default,
            after=decode_cursor(query.cursor),
            limit=query.limit + 1,
        )
        page, cursor = cut(found, query.limit)
        parameters = {
            "profile_type": query.profile_type,
            "default": None if query.default is None else str(query.default).lower(),
            "limit": query.limit,
        }
        return answer(page, headers=next_link("/api/profiles/", parameters, cursor))

    @get("/api/profiles/{profile_id:str}", opt={"operation": READ})
    async def read_profile(request: HttpRequest) -> Answer:
        principal = gate.admit(request)
        query_of(request, NoQuery)
        return answer(await desk.get(principal.user_id, path_uuid(request, "profile_id")))

    @put("/api/profiles/{profile_id:str}", opt={"operation": PUT})
    async def replace_profile(request: HttpRequest) -> Answer:
        who = asking(request)
        profile_id = path_uuid(request, "profile_id")
        body = await body_of(request, PutProfileBody)
        check_depth(body.data, "/data")
        return _changed(await desk.replace(who, profile_id, body))

    @patch("/api/profiles/{profile_id:str}", opt={"operation": PATCH})
    async def merge_profile(request: HttpRequest) -> Answer:
        who = asking(request)
        profile_id = path_uuid(request, "profile_id")
        body = await body_of(request, PatchProfileBody)
        check_depth(body.data, "/data")
        return _changed(await desk.merge(who, profile_id, body))

    @delete("/api/profiles/{profile_id:str}", opt={"operation": DELETE}, status_code=200)
    async def delete_profile(request: HttpRequest) -> Answer:
        who = asking(request)
        profile_id = path_uuid(request, "profile_id")
        await desk.delete(who, profile_id, query_of(request, ProfileQuery).expected_version)
        return Answer(b"", status_code=204, headers={"Cache-Control": "no-store"})

    @post("/api/profiles/{profile_id:str}/copy", opt={"operation": COPY})
    async def copy_profile(request: HttpRequest) -> Answer:
        who = asking(request)
        profile_id = path_uuid(request, "profile_id")
        body = await body_of(request, CopyProfileBody)
        return _made(await desk.copy(who, profile_id, body.name))

    return [
        create_profile,
        list_profiles,
        read_profile,
        replace_profile,
        merge_profile,
        delete_profile,
        copy_profile,
    ]


def _made(kept: Kept) -> Answer:
    headers = {"Location": f"/api/profiles/{kept.profile.id}/"}
    return answer(kept.profile, 201 if kept.decided else 202, headers)


def _changed(kept: Kept) -> Answer:
    return answer(kept.profile, 200 if kept.decided else 202)
