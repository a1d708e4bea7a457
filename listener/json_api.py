"""The edge to an HTTP API: one request, its answer within bounds, and its failures in our own words.

No message ever holds an address, a header or a body as it came: tokens stand in all three, on some platforms
in the path itself.
"""

from __future__ import annotations

import json
import math
import re
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import httpx

from desk.errors import InputError
from desk.ports import Headroom, Now
from listener.api_errors import ApiError
from listener.http import LONGEST_WAIT_SECONDS, hush, reset_seconds, retry_after_seconds
from listener.text import one_line

BODY_LIMIT_BYTES = 20_000_000
"""A page of a hundred long posts stays far below."""
_DETAIL_LIMIT = 300
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)
"""What a kept connection gives that the server has closed meanwhile."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx or 3xx answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    data: Any = None
    """The body's JSON; None where something else was asked for."""
    headroom: Headroom | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses in the `Link` header, by their relation."""


class Token(Protocol):
    """An access token that runs out and can be fetched anew."""

    def value(self) -> str:
        """Raises ApiError."""
        ...

    def forget(self) -> None:
        """The server no longer takes it."""
        ...


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    params: Any = None
    form: Mapping[str, str] | None = None
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    redirects: bool = False
    """A 3xx is an answer like any other."""


class ApiClient:
    """Requests to one API. To be used by one thread at a time."""

    def __init__(
        self,
        base_url: str,
        *,
        title: str,
        now: Now,
        secrets: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
        token: Token | None = None,
        timeout_seconds: float = 30,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
        public: bool = False,
    ) -> None:
        """`title` names the other side in messages. `secrets` are what no message may repeat. `public`: there
        is nothing secret in the requests, so that http:// will do.

        `timeout_seconds` bounds each wait for the server, and three times as much a whole answer. Raises
        InputError for an address to which a token must not be sent.
        """
        self.title, self._now, self._token = title, now, token
        self._secrets = tuple(secret for secret in secrets if secret)
        self._base_url, self._headers = safe_url(base_url, title, public=public), dict(headers or {})
        self._timeout_seconds, self._body_limit = timeout_seconds, body_limit_bytes
        # httpx writes addresses at INFO, httpcore all headers at DEBUG.
        hush("httpx", "httpcore")
        self._http = self._fresh()

    def get(self, path: str, params: Any = None) -> Answer:
        """Read JSON. A connection that breaks before the answer is tried once more, as a new one.

        Raises ApiError for everything but a 2xx with JSON in it.
        """
        return self._json(self._again(_Request("GET", path, params)))

    def ask(self, path: str, form: Mapping[str, str]) -> Answer:
        """Read JSON with parameters that do not belong into an address. Raises ApiError, see `get`."""
        return self._json(self._again(_Request("POST", path, form=form)))

    def raw(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Read whatever it is, redirects and "not modified" included. Raises ApiError for 4xx and 5xx."""
        return self._again(_Request("GET", path, headers=headers, redirects=True))

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Write: one attempt, on a connection of its own. Raises ApiError.

        On a kept connection that the server has closed meanwhile, a reply that never left would look like
        one whose fate is unknown.
        """
        request = _Request("POST", path, params, form, json, headers or {})
        with self._fresh() as http:
            try:
                return self._json(self._answer(http, request))
            except httpx.HTTPError as error:
                raise self._no_answer(error) from error

    @contextmanager
    def listen(self, url: str, params: Any, silence_seconds: float) -> Iterator[httpx.Response]:
        """Open a stream of server-sent events that may be silent so long. Raises ApiError."""
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

    def wrong(self, what: str) -> ApiError:
        """For an answer of the wrong kind: "sent {what}"."""
        return ApiError(f"{self.title} sent {what}", status=200)

    def close(self) -> None:
        self._http.close()

    def _again(self, request: _Request) -> Answer:
        try:
            return self._answer(self._http, request)
        except _BROKEN:
            # Some servers reset a kept connection instead of closing it; reading twice does no harm.
            self._http.close()
            self._http = self._fresh()
        except ApiError as error:
            # A 401 has done nothing, and may only mean that the token's hour is over.
            if error.status != 401 or self._token is None:
                raise
            self._token.forget()
        try:
            return self._answer(self._http, request)
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    def _fresh(self) -> httpx.Client:
        return httpx.Client(
            base_url=self._base_url,
            headers={"User-Agent": "Answerback", "Accept": "application/json"} | self._headers,
            verify=_certificates(),
            timeout=self._timeout_seconds,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            follow_redirects=False,
            # A proxy or .netrc of the environment must not see or replace the token unasked.
            trust_env=False,
        )

    def _answer(self, http: httpx.Client, asked: _Request) -> Answer:
        headers = dict(asked.headers)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.value()}"
        try:
            request = http.build_request(
                asked.method,
                asked.path,
                params=asked.params,
                data=asked.form,
                json=asked.json,
                headers=headers,
            )
            response = http.send(request, stream=True)
        except _BROKEN:
            raise
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._no_answer(error) from error
        try:
            content = self._body(response)
        except (httpx.TimeoutException, httpx.DecodingError) as error:
            raise self._no_answer(error) from error
        finally:
            response.close()
        if not (response.is_success or (asked.redirects and response.status_code < 400)):
            raise self._refusal(response, content)
        return Answer(
            response.status_code,
            response.headers,
            content,
            headroom=self._headroom(response.headers),
            links={relation: link.get("url", "") for relation, link in response.links.items() if relation},
        )

    def _body(self, response: httpx.Response) -> bytes:
        """The whole body, within a bound of size and time: a server may send a byte every few seconds."""
        until = time.monotonic() + 3 * self._timeout_seconds
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes(65_536):
            parts.append(part)
            size += len(part)
            if size > self._body_limit:
                raise ApiError(
                    f"{self.title} sent more than {self._body_limit:,} bytes", status=response.status_code
                )
            if time.monotonic() > until:
                raise httpx.ReadTimeout("too slow", request=response.request)
        return b"".join(parts)

    def _json(self, answer: Answer) -> Answer:
        try:
            data = json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            kind = "a web page" if answer.body.lstrip()[:1] == b"<" else "a body that is cut off or no JSON"
            raise ApiError(
                f"{self.title} answered {answer.status}, but with {kind}", status=answer.status
            ) from error
        return replace(answer, data=data)

    def _refusal(self, response: httpx.Response, body: bytes) -> ApiError:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = None  # nothing of a web page is quoted
        now = self._now()
        wait = retry_after_seconds(response.headers.get("Retry-After"), now)
        if wait is None and response.status_code == 429:
            wait = reset_seconds(_limit(response.headers, "Reset"), now)
        if wait is None:
            wait = _wait_in(data)
        detail = self.redacted(detail_of(data))
        message = f"{self.title} answered {response.status_code}" + (f": {detail}" if detail else "")
        return ApiError(message, status=response.status_code, retry_after=wait, data=data)

    def redacted(self, text: str) -> str:
        for secret in self._secrets:
            for written in {secret, quote(secret), quote(secret, safe="")}:
                text = text.replace(written, "(secret)")
        return text

    def _no_answer(self, error: Exception) -> ApiError:
        """No text of the exception is passed on: it can hold the whole address."""
        if isinstance(error, (*_NOT_SENT, httpx.InvalidURL)):
            return ApiError(
                f"{self.title} cannot be reached (refused, no route, unknown name or bad certificate)",
                left=False,
            )
        if isinstance(error, httpx.TimeoutException):
            return ApiError(f"{self.title} did not answer within {self._timeout_seconds:g} s")
        return ApiError(f"the connection to {self.title} broke before the answer was complete")

    def _headroom(self, headers: Mapping[str, str]) -> Headroom | None:
        """Reddit says what is used instead of the limit, and counts in fractions."""
        remaining = _number(_limit(headers, "Remaining"))
        limit = _number(_limit(headers, "Limit"))
        used = _number(headers.get("X-RateLimit-Used"))
        if remaining is None or (limit is None and used is None):
            return None
        total = limit if limit is not None else remaining + (used or 0.0)
        now = self._now()
        wait = reset_seconds(_limit(headers, "Reset"), now)
        return Headroom(int(remaining), int(total), None if wait is None else now + timedelta(seconds=wait))


def detail_of(data: Any) -> str:
    """What an error body says, in one line, in the shapes that platforms use."""
    if not isinstance(data, dict):
        return ""
    said: list[str] = []
    inner = data.get("error")
    for holder in (data, inner if isinstance(inner, dict) else {}):
        for key in ("error", "error_description", "error_msg", "description", "message", "reason", "detail"):
            value = holder.get(key)
            if isinstance(value, str) and value.strip() and value not in said:
                said.append(value)
    return one_line("; ".join(said), _DETAIL_LIMIT).rstrip(".")


def safe_url(url: str, title: str, *, public: bool = False) -> str:
    """The address without a slash at its end. Raises InputError for one that is not safe."""
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f'The address of {title}, "{url[:100]}", is no address: {error}.') from error
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment or parts.username:
        raise InputError(f'The address of {title}, "{url[:100]}", is no address; it begins with https://.')
    if parts.scheme == "http" and host not in _LOOPBACK and not public:
        raise InputError(f"The address of {title}, {url}, is readable by all on the way; use https://.")
    return url


def usable_secret(value: str, what: str) -> str:
    """A secret fit for a header. Raises InputError, which does not repeat it."""
    value = value.strip()
    if not value or not value.isprintable() or not value.isascii() or " " in value:
        raise InputError(f"{what} is empty or holds signs that none has; set it in the environment.")
    return value


def _limit(headers: Mapping[str, str], name: str) -> str | None:
    """In a header of its own, or as a part of `RateLimit` (draft-ietf-httpapi-ratelimit-headers)."""
    for header in (f"X-RateLimit-{name}", f"RateLimit-{name}"):
        if headers.get(header):
            return headers[header]
    short = {"Limit": "q", "Remaining": "r", "Reset": "t"}[name]
    for header in ("RateLimit", "RateLimit-Policy"):
        found = re.search(rf"(?:^|[\s,;])(?:{name.lower()}|{short})=(\d{{1,12}})", headers.get(header) or "")
        if found is not None:
            return found[1]
    return None


def _wait_in(data: Any) -> float | None:
    """Seconds to wait as a body says them: at its top, or under `parameters` (Telegram)."""
    for holder in (data, data.get("parameters") if isinstance(data, dict) else None):
        value = holder.get("retry_after") if isinstance(holder, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return min(max(float(value), 0.0), LONGEST_WAIT_SECONDS)
    return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: loading the list takes longer than a request."""
    return httpx.create_ssl_context()
