"""The edge to a server that speaks the Mastodon API: one request, and its failures in our own words."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from desk.errors import InputError
from desk.ports import Headroom, Now
from listener.http import hush, reset_seconds, retry_after_seconds
from listener.platforms.mastodon.account import MastodonAccount, is_id, server_host, server_url
from listener.text import one_line

BODY_LIMIT_BYTES = 20_000_000
"""A page of 80 statuses with long texts stays far below."""
_DETAIL_LIMIT = 300
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)
"""What a kept connection gives that the server has closed meanwhile."""


class MastodonError(Exception):
    """A request that brought nothing. Never leaves the Mastodon modules, where it becomes a DeskError."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        left: bool = True,
    ) -> None:
        super().__init__(message)
        self.status = status
        """None where no answer came."""
        self.retry_after = retry_after
        """Seconds."""
        self.left = left
        """The request may have reached the server."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer."""

    data: Any
    next_max_id: str | None = None
    """From the `Link` header: where older entries go on."""
    prev_min_id: str | None = None
    """From the `Link` header: where newer entries go on."""
    has_links: bool = False
    """The server sent a `Link` header at all; some do not."""
    headroom: Headroom | None = None


class MastodonClient:
    """One account's connection. To be used by one thread at a time."""

    def __init__(self, account: MastodonAccount, *, now: Now, timeout_seconds: float = 30) -> None:
        """`timeout_seconds` bounds each wait for the server, and three times as much a whole answer.

        Raises InputError for an address that cannot be used or an empty token.
        """
        self.url = server_url(account.server)
        self.host = server_host(self.url)
        """Names the server in ids: it never changes while the address does not."""
        self._token = account.token.get_secret_value().strip()
        if not self._token or not self._token.isprintable() or not self._token.isascii():
            raise InputError(
                f"The access token for {self.host} is empty or no token; set it in the environment."
            )
        # httpx writes addresses at INFO, httpcore all headers at DEBUG.
        hush("httpx", "httpcore")
        self._now, self._timeout_seconds = now, timeout_seconds
        self._http = self._fresh()

    def get(self, path: str, params: Any = None) -> Answer:
        """Read. A connection that breaks before the answer is tried once more, as a new one.

        Raises MastodonError for everything but a 2xx with JSON in it.
        """
        request = self._http.build_request("GET", path, params=params)
        try:
            return self._answer(self._http, request)
        except _BROKEN:
            # Some servers reset a kept connection instead of closing it; reading twice does no harm.
            self._http.close()
            self._http = self._fresh()
        try:
            return self._answer(self._http, request)
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    def post(self, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """Write: one attempt, on a connection of its own. Raises MastodonError.

        On a kept connection that the server has closed meanwhile, a reply that never left would look like
        one whose fate is unknown.
        """
        with self._fresh() as http:
            try:
                return self._answer(http, http.build_request("POST", path, json=body, headers=headers))
            except httpx.HTTPError as error:
                raise self._no_answer(error) from error

    @contextmanager
    def listen(self, url: str, params: Any, silence_seconds: float) -> Iterator[httpx.Response]:
        """Open a stream of server-sent events that may be silent so long. Raises MastodonError."""
        timeout = httpx.Timeout(self._timeout_seconds, read=silence_seconds)
        accept = {"Accept": "text/event-stream"}
        try:
            with (
                self._fresh() as http,
                http.stream("GET", url, params=params, headers=accept, timeout=timeout) as response,
            ):
                if not response.is_success:
                    raise self._refusal(response, self._body(response))
                yield response
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    def _fresh(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={
                "Authorization": f"Bearer {self._token}",
                "User-Agent": "Answerback",
                "Accept": "application/json",
            },
            verify=_certificates(),
            timeout=self._timeout_seconds,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            follow_redirects=False,
            # A proxy or .netrc of the environment must not see or replace the token unasked.
            trust_env=False,
        )

    def _answer(self, http: httpx.Client, request: httpx.Request) -> Answer:
        try:
            response = http.send(request, stream=True)
        except _BROKEN:
            raise
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error
        try:
            body = self._body(response)
        except (httpx.TimeoutException, httpx.DecodingError) as error:
            raise self._no_answer(error) from error
        finally:
            response.close()
        if not response.is_success:
            raise self._refusal(response, body)
        return self._read(response, body)

    def _body(self, response: httpx.Response) -> bytes:
        """The whole body, within a bound of size and time: a server may send a byte every few seconds."""
        until = time.monotonic() + 3 * self._timeout_seconds
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > BODY_LIMIT_BYTES:
                raise MastodonError(
                    f"{self.host} sent more than {BODY_LIMIT_BYTES:,} bytes", status=response.status_code
                )
            if time.monotonic() > until:
                raise httpx.ReadTimeout("too slow", request=response.request)
        return b"".join(parts)

    def _read(self, response: httpx.Response, body: bytes) -> Answer:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            kind = "a web page" if body.lstrip()[:1] == b"<" else "a body that is cut off or no JSON"
            raise MastodonError(
                f"{self.host} answered {response.status_code}, but with {kind}", status=response.status_code
            ) from error
        return Answer(
            data,
            next_max_id=_link_id(response, "next", "max_id"),
            prev_min_id=_link_id(response, "prev", "min_id"),
            has_links="link" in response.headers,
            headroom=self._headroom(response),
        )

    def _refusal(self, response: httpx.Response, body: bytes) -> MastodonError:
        now = self._now()
        wait = retry_after_seconds(response.headers.get("Retry-After"), now)
        if wait is None and response.status_code == 429:
            wait = reset_seconds(response.headers.get("X-RateLimit-Reset"), now)
        detail = _detail(body).replace(self._token, "(token)")
        message = f"{self.host} answered {response.status_code}" + (f": {detail}" if detail else "")
        return MastodonError(message, status=response.status_code, retry_after=wait)

    def _no_answer(self, error: httpx.HTTPError) -> MastodonError:
        """No text of the exception is passed on: it can hold the whole address."""
        if isinstance(error, _NOT_SENT):
            return MastodonError(
                f"{self.host} cannot be reached (refused, no route, unknown name or bad certificate)",
                left=False,
            )
        if isinstance(error, httpx.TimeoutException):
            return MastodonError(f"{self.host} did not answer within {self._timeout_seconds:g} s")
        return MastodonError(f"the connection to {self.host} broke before the answer was complete")

    def _headroom(self, response: httpx.Response) -> Headroom | None:
        try:
            remaining = int(response.headers["X-RateLimit-Remaining"])
            limit = int(response.headers["X-RateLimit-Limit"])
        except (KeyError, ValueError):
            return None
        now = self._now()
        wait = reset_seconds(response.headers.get("X-RateLimit-Reset"), now)
        return Headroom(remaining, limit, None if wait is None else now + timedelta(seconds=wait))


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: loading the list takes longer than a request."""
    return httpx.create_ssl_context()


def _link_id(response: httpx.Response, rel: str, name: str) -> str | None:
    """An id out of a `Link`. Only that: behind a proxy the rest of the address may name another host."""
    url = response.links.get(rel, {}).get("url", "")
    try:
        values = parse_qs(urlsplit(url).query).get(name, [])
    except ValueError:
        return None
    return values[0] if values and is_id(values[0]) else None


def _detail(body: bytes) -> str:
    """What an error body says, in one line; nothing of a web page."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(data, dict):
        return ""
    said = [data[key] for key in ("error", "error_description") if isinstance(data.get(key), str)]
    return one_line("; ".join(said), _DETAIL_LIMIT).rstrip(".")
