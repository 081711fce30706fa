"""The one HTTP and WebSocket client of the command line: typed calls, and a stream of frames that survives reconnects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import uuid4

import httpx2
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

__all__ = ["Client", "Refused", "TokenKeeper", "Watch"]

TIMEOUT_SECONDS = 30.0
FRAME_BYTES_MAX = 32 * 1024 * 1024
RECONNECT_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
FINAL_CODES = {4400, 4403, 4404, 4409}
TOKEN_CODE = 4401

Json = dict[str, Any]


class Refused(Exception):
    """The gateway said no; the text is its own sentence, `code` its code, `faults` the places and reasons in what was sent."""

    def __init__(self, detail: str, code: str = "", status: int = 0, faults: tuple[tuple[str, str], ...] = ()) -> None:
        particulars = "; ".join(text for text in dict.fromkeys(reason for _, reason in faults) if text != detail)
        super().__init__(f"{detail} ({particulars})" if particulars else detail)
        self.detail = detail
        self.code = code
        self.status = status
        self.faults = faults


class TokenKeeper(Protocol):
    """Where commands that run at the same time share their tokens: a refresh token that one has used is void for the others."""

    def load(self) -> tuple[str | None, str | None]:
        """The access and the refresh token that were stored last."""

    def store(self, access: str, refresh: str) -> None:
        """Replace them."""


class Client:
    """A person's session with one gateway. Expired access tokens are renewed on the way."""

    def __init__(
        self, url: str, *, access: str | None = None, refresh: str | None = None, keeper: TokenKeeper | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._keeper = keeper
        self.access = access
        self.refresh = refresh
        self._http = httpx2.AsyncClient(base_url=self.url, timeout=TIMEOUT_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def register(self, email: str, password: str, name: str) -> Json:
        """Make a user and be that user from now on."""
        return self._signed_in(
            await self.call("POST", "/api/auth/register/", {"email": email, "password": password, "name": name})
        )

    async def login(self, email: str, password: str) -> Json:
        """Be that user from now on."""
        return self._signed_in(await self.call("POST", "/api/auth/login/", {"email": email, "password": password}))

    async def create_job(self, prompt: str, *, approvals: list[str] | None = None, key: str | None = None) -> Json:
        """Start a build job; a repeated key gives the same job."""
        body: Json = {"prompt": prompt} | ({"approvals": approvals} if approvals else {})
        answer: Json = await self.call("POST", "/api/jobs/", body, {"Idempotency-Key": key or str(uuid4())})
        return answer

    async def jobs(self, **filters: str) -> list[Json]:
        query = httpx2.QueryParams({name: value for name, value in filters.items() if value})
        found: list[Json] = await self.call("GET", f"/api/jobs/?{query}")
        return found

    async def job(self, job_id: str) -> Json:
        found: Json = await self.call("GET", f"/api/jobs/{job_id}/")
        return found

    async def app_of(self, job_id: str) -> Json:
        found: Json = await self.call("GET", f"/api/apps/by-job/{job_id}/")
        return found

    async def approval_version(self, job_id: str, name: str) -> int:
        """The version of the event that asked for this approval, the last one where it was asked for anew. Raises `Refused`."""
        after, asked = 0, None
        while page := await self.call("GET", f"/api/jobs/{job_id}/events/?after={after}&limit=1000"):
            for event in page:
                if event["type"] == "approval_requested" and event["data"]["name"] == name:
                    asked = int(event["version"])
            after = page[-1]["version"]
        if asked is None:
            raise Refused(f"the job has not asked for the approval {name!r}", "no_such_approval")
        return asked

    async def say(self, job_id: str, content: str) -> Json:
        """Send a chat message; a lost answer may be retried, the key makes it one message."""
        body = {"content": content, "key": str(uuid4())}
        answer: Json = await self.call("POST", f"/api/jobs/{job_id}/messages/", body)
        return answer

    async def act(self, job_id: str, action: str, body: Json | None = None) -> Json:
        """`cancel`, `retry`, `approve` or `reject`."""
        answer: Json = await self.call("POST", f"/api/jobs/{job_id}/{action}/", body or {})
        return answer

    def watch(self, job_id: str, *, after: int = 0) -> Watch:
        """The job's frames from a version on."""
        return Watch(self, job_id, after)

    async def renew(self) -> None:
        """Trade the refresh token for new tokens, or take those that another command has got meanwhile. Raises `Refused`."""
        if not self.refresh:
            raise Refused("you are not signed in: use `jobstream login`", "unauthorized", 401)
        if self._keeper is not None:
            access, refresh = self._keeper.load()
            if access and refresh and refresh != self.refresh:
                self.access, self.refresh = access, refresh
                return
        token, self.refresh = self.refresh, None
        try:
            self._signed_in(await self.call("POST", "/api/auth/token/refresh/", {"refresh": token}))
        except Refused as refusal:
            if refusal.status != 401:  # the token may still be good
                self.refresh = token
            raise

    async def call(
        self, method: str, path: str, body: Json | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The JSON that the gateway answers; an empty answer is `{}`. Raises `Refused`."""
        answer = await self._send(method, path, body, headers)
        return answer.json() if answer.content else {}

    async def page(self, path: str) -> tuple[list[Json], str | None]:
        """A page of a list, and the path of the next one, if there is one. Raises `Refused`."""
        answer = await self._send("GET", path, None, None)
        found: list[Json] = answer.json()
        return found, answer.links.get("next", {}).get("url")

    async def download(self, path: str) -> bytes:
        """A file that the gateway serves. Raises `Refused`."""
        return (await self._send("GET", path, None, {"Accept": "*/*"})).content

    def _signed_in(self, answer: Json) -> Json:
        self.access, self.refresh = access, refresh = answer["access"], answer["refresh"]
        if self._keeper is not None:
            self._keeper.store(access, refresh)
        return answer

    async def _send(self, method: str, path: str, body: Json | None, headers: dict[str, str] | None) -> httpx2.Response:
        for renewals_left in (2, 1, 0):  # what another command has got may have expired, too
            sent = dict(headers or {}) | ({"Authorization": f"Bearer {self.access}"} if self.access else {})
            try:
                answer = await self._http.request(method, path, json=body, headers=sent)
            except httpx2.TransportError as error:
                raise Refused(f"{self.url} cannot be reached: {error}", "unreachable") from None
            if answer.status_code == 401 and self.refresh and renewals_left:
                await self.renew()
                continue
            if answer.status_code >= 400:
                raise _refusal(answer)
            return answer
        raise AssertionError("unreachable")


class Watch:
    """An endless stream of a job's frames. After a lost connection it resumes where it was: no frame twice, none lost."""

    def __init__(self, client: Client, job_id: str, after: int) -> None:
        self._client = client
        self._job_id = job_id
        self.cursor = after
        self._socket: ClientConnection | None = None

    async def send(self, frame: Json) -> None:
        """Send a frame over the open connection. Raises `Refused` while there is none."""
        if self._socket is None:
            raise Refused("the connection is being restored; try again", "not_connected")
        await self._socket.send(msgspec.json.encode(frame).decode())

    async def __aiter__(self) -> AsyncIterator[Json]:
        attempt = 0
        while True:
            try:
                async with self._connect() as self._socket:
                    async for text in self._socket:
                        frame: Json = msgspec.json.decode(text)
                        attempt = 0
                        match frame.get("kind"):
                            case "ping":
                                await self.send({"kind": "pong", "t": frame.get("t")})
                                continue
                            case "reset":
                                self.cursor = int(frame["head"])
                        seq = frame.get("seq")
                        if isinstance(seq, int):
                            if seq <= self.cursor:
                                continue
                            self.cursor = seq
                        yield frame
            except ConnectionClosed as error:
                await self._after_close(
                    error.rcvd.code if error.rcvd else 1006, error.rcvd.reason if error.rcvd else ""
                )
            except InvalidStatus as error:
                if error.response.status_code in (401, 403):
                    await self._client.renew()
                elif error.response.status_code < 500:
                    raise Refused(f"the gateway refused the connection ({error.response.status_code})") from None
            except (OSError, TimeoutError):
                pass
            finally:
                self._socket = None
            await asyncio.sleep(RECONNECT_SECONDS[min(attempt, len(RECONNECT_SECONDS) - 1)])
            attempt += 1

    def _connect(self) -> connect:
        address = self._client.url.replace("http", "ws", 1)
        return connect(
            f"{address}/ws/jobs/{self._job_id}/?after={self.cursor}",
            additional_headers={"Authorization": f"Bearer {self._client.access}"},
            max_size=FRAME_BYTES_MAX,
            compression=None,
            proxy=None,
        )

    async def _after_close(self, code: int, reason: str) -> None:
        if code == TOKEN_CODE:
            await self._client.renew()
        elif code in FINAL_CODES:
            raise Refused(reason or f"the gateway closed the connection ({code})", str(code))


def _refusal(answer: httpx2.Response) -> Refused:
    try:
        problem = answer.json()
    except ValueError:
        return Refused(f"the gateway answered {answer.status_code}", "", answer.status_code)
    detail = str(problem.get("detail") or problem.get("title") or f"the gateway answered {answer.status_code}")
    faults = tuple((str(item.get("pointer") or ""), str(item.get("detail"))) for item in problem.get("errors") or [])
    return Refused(detail, str(problem.get("code", "")), answer.status_code, faults)
