"""The edge to the X API v2: one request, and what can go wrong with it in our own words.

Works through tweepy's Client, whose own `request` has no time-out, writes the token to its debug log,
knows one host only, and fails on an error body that is not the JSON object it expects.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
import tweepy
import urllib3.exceptions
from pydantic import SecretStr
from tweepy.auth import OAuth1UserHandler

from desk.errors import InputError, StoreError
from desk.model.spending import Spent
from desk.ports import Headroom, Now
from listener.http import hush, reset_seconds, retry_after_seconds
from listener.platforms.x.meter import Hold, Limit, Meter
from listener.text import one_line

DEFAULT_BASE_URL = "https://api.x.com"
_DETAIL_LIMIT = 300
_NOT_SENT = (
    urllib3.exceptions.NewConnectionError,  # refused, unreachable, and, as a subclass, an unknown name
    urllib3.exceptions.ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)
"""Causes that come before the first byte of a request."""


@dataclass(frozen=True, slots=True)
class XCredentials:
    """Keys from the developer console.

    Reading needs the bearer token or the four others; replying needs those four.
    """

    bearer_token: SecretStr | None = None
    consumer_key: SecretStr | None = None
    consumer_secret: SecretStr | None = None
    access_token: SecretStr | None = None
    access_token_secret: SecretStr | None = None

    @property
    def user_context(self) -> bool:
        """The four keys that act as the account itself are there."""
        return None not in (
            self.consumer_key,
            self.consumer_secret,
            self.access_token,
            self.access_token_secret,
        )


class XError(Exception):
    """A request that brought nothing. Never leaves this package, where it becomes a DeskError."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        left: bool = True,
        codes: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__(message)
        self.status = status
        """None where no answer came."""
        self.retry_after = retry_after
        self.left = left
        """The request may have reached the platform."""
        self.codes = codes


class XClient(tweepy.Client):  # type: ignore[misc]  # tweepy has no types
    """tweepy's endpoints over a request of our own: one attempt, a time-out, no token in any log."""

    def __init__(
        self,
        credentials: XCredentials,
        *,
        now: Now,
        base_url: str = DEFAULT_BASE_URL,
        timeout_seconds: float = 30,
        meter: Meter | None = None,
        limit: Limit = Limit.READING,
    ) -> None:
        """Without a meter nothing is counted. Raises InputError without a bearer token and a full set of
        user keys, or for a bad base URL."""
        if not base_url.startswith(("https://", "http://127.", "http://localhost")):
            raise InputError("X: base_url must begin with https:// (http only for this machine itself).")
        if credentials.bearer_token is None and not credentials.user_context:
            raise InputError(
                "X needs a bearer token, or consumer key, consumer secret, access token and access token "
                "secret; set them in the environment."
            )
        hush("oauthlib", "requests_oauthlib", "tweepy", "urllib3")
        super().__init__(
            bearer_token=_reveal(credentials.bearer_token),
            consumer_key=_reveal(credentials.consumer_key),
            consumer_secret=_reveal(credentials.consumer_secret),
            access_token=_reveal(credentials.access_token),
            access_token_secret=_reveal(credentials.access_token_secret),
            return_type=dict,
            wait_on_rate_limit=False,
        )
        self.reads_as_user = credentials.bearer_token is None
        self.headroom: Headroom | None = None
        """What the rate limit of the last endpoint asked still allows."""
        self.cost = Spent()
        """What the requests have cost since this was last set."""
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._meter, self._limit = meter, limit

    def request(
        self, method: str, route: str, params: Any = None, json: Any = None, user_auth: bool = False
    ) -> requests.Response:
        """One attempt. Raises XError for everything but a 2xx whose body is a JSON object, and BudgetError,
        before anything is sent, where it could cost more than what is left."""
        hold = self._hold(method, route, params or {}, json or {})
        cost = Spent()
        try:
            response = self._ask(method, route, params, json, user_auth)
            if hold is not None:
                cost = hold.answered(response.json())
        except XError as error:
            if hold is None:
                pass
            elif error.status is not None or not error.left:
                hold.refused()
            else:
                cost = hold.unanswered(repeatable=method == "GET")
            raise
        finally:
            self.cost = Spent(self.cost.micro_usd + cost.micro_usd, self.cost.reads + cost.reads)
        return response

    def stream(self, route: str, params: Mapping[str, str], silence_seconds: float) -> requests.Response:
        """An answer without an end, to be read as it comes and closed. Raises XError, also for any other
        answer than 200."""
        response = self._send(
            "GET", route, params, None, _Bearer(self.bearer_token), silence_seconds, stream=True
        )
        if response.status_code != 200:
            with response:
                raise _refusal(response, self._now())
        return response

    def _hold(
        self, method: str, route: str, params: Mapping[str, Any], body: Mapping[str, Any]
    ) -> Hold | None:
        if self._meter is None:
            return None
        tariff = self._meter.tariff(method, route, params, body)
        if tariff is None:
            return None
        try:
            return self._meter.hold(tariff, self._limit, f"{method} {route}")
        except StoreError as error:
            raise XError(f"what a request costs cannot be noted ({error})", left=False) from error

    def _ask(self, method: str, route: str, params: Any, json: Any, user_auth: bool) -> requests.Response:
        auth = (
            OAuth1UserHandler(
                self.consumer_key, self.consumer_secret, self.access_token, self.access_token_secret
            ).apply_auth()
            if user_auth
            else _Bearer(self.bearer_token)
        )
        response = self._send(method, route, params, json, auth, self._timeout_seconds)
        self.headroom = _headroom(response, self._now())
        if not 200 <= response.status_code < 300:
            raise _refusal(response, self._now())
        _object(response)
        return response

    def _send(
        self,
        method: str,
        route: str,
        params: Any,
        json: Any,
        auth: Any,
        silence_seconds: float,
        *,
        stream: bool = False,
    ) -> requests.Response:
        if method != "GET":
            # A kept connection that the platform has closed meanwhile would turn a reply that never
            # left into one whose fate is unknown.
            self.session.close()
        try:
            response: requests.Response = self.session.request(
                method,
                self._base_url + route,
                params=params,
                json=json,
                # What is compressed comes in blocks: a stream's posts would wait for the next ones.
                headers={"User-Agent": self.user_agent} | ({"Accept-Encoding": "identity"} if stream else {}),
                auth=auth,
                timeout=(self._timeout_seconds, silence_seconds),
                allow_redirects=False,
                stream=stream,
            )
        except requests.RequestException as error:
            raise no_answer(error, silence_seconds) from error
        return response


class _Bearer(requests.auth.AuthBase):
    """Given as `auth`, because a header alone would lose against a .netrc of the environment."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything it wraps: requests and urllib3 keep it in arguments and `reason`."""
    waiting, seen = [error], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        # Not `__context__`: what happened to be handled at the time is no cause.
        inner = (*current.args, getattr(current, "reason", None), current.__cause__)
        waiting += [cause for cause in inner if isinstance(cause, BaseException)]


def no_answer(error: requests.RequestException, timeout_seconds: float) -> XError:
    """No text of the exception is passed on: it can hold the whole address."""
    left = not any(isinstance(cause, _NOT_SENT) for cause in _causes(error))
    if isinstance(error, requests.exceptions.SSLError):
        return XError("X's certificate or encryption was refused", left=left)
    if not left:
        return XError("X cannot be reached (connection refused, no route, or unknown name)", left=False)
    if isinstance(error, requests.Timeout):
        return XError(f"X did not answer within {timeout_seconds:g} s")
    return XError("the connection to X broke before the answer was complete")


def _refusal(response: requests.Response, now: datetime) -> XError:
    wait = retry_after_seconds(response.headers.get("Retry-After"), now)
    if wait is None and response.status_code == 429:
        wait = reset_seconds(response.headers.get("x-rate-limit-reset"), now)
    try:
        body = response.json()
    except ValueError:
        body = None
    detail, codes = explain(body)
    reason = one_line(response.reason or "", 60)
    message = f"X answered {response.status_code} {reason}".rstrip() + (f": {detail}" if detail else "")
    return XError(message, status=response.status_code, retry_after=wait, codes=codes)


def _headroom(response: requests.Response, now: datetime) -> Headroom | None:
    limit, remaining = (response.headers.get(f"x-rate-limit-{name}", "") for name in ("limit", "remaining"))
    if not (limit.isdecimal() and remaining.isdecimal()):
        return None
    wait = reset_seconds(response.headers.get("x-rate-limit-reset"), now)
    resets_at = None if wait is None else now + timedelta(seconds=wait)
    return Headroom(int(remaining), int(limit), resets_at)


def _object(response: requests.Response) -> None:
    try:
        whole = isinstance(response.json(), dict)
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise XError(f"X answered {response.status_code}, but with a body that is cut off or no JSON object")


def explain(body: object) -> tuple[str, frozenset[int]]:
    """What an error body says, in one line, and its numeric codes.

    Reads both documented shapes: `{type, title, detail}` and `{errors: [{code, message}]}`.
    """
    if not isinstance(body, dict):
        return "", frozenset()
    listed = body.get("errors")
    problems = [body, *(listed if isinstance(listed, list) else [])]
    said: list[str] = []
    codes: set[int] = set()
    for problem in problems:
        if not isinstance(problem, dict):
            continue
        if isinstance(problem.get("code"), int):
            codes.add(problem["code"])
        for field in ("detail", "message", "title"):
            words = problem.get(field)
            if isinstance(words, str) and words.strip():
                if words not in said:
                    said.append(words)
                break
    return one_line("; ".join(said), _DETAIL_LIMIT).rstrip("."), frozenset(codes)


def compact(value: object, limit: int) -> str:
    """A piece of a payload as text that a store can keep."""
    return json.dumps(value, ensure_ascii=True)[:limit]
