"""Signing in: one session for all that reads and writes as an account, refreshed where it runs out.

Servers allow 30 sign-ins in 5 minutes and 300 a day for one account (Bluesky, "Rate Limits"), so a session is
kept for as long as its refresh token works, and no failure leads to sign-ins in a row.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from desk.ports import Now
from listener.api_errors import NO_RESET_SECONDS, ApiError
from listener.json_api import ApiClient, usable_secret
from listener.platforms.bluesky.account import BlueskyAccount, Identity
from listener.platforms.bluesky.ids import is_did
from listener.text import mend

WINDOW = timedelta(minutes=5)
WINDOW_LIMIT = 10
"""Sign-ins in one window; a third of what servers allow, because others may sign in as well."""
REFUSED_SECONDS = 60.0
"""So long a refused password is not tried again, whichever feed asks."""
_ROUNDED_SECONDS = 0.5
STALE_TOKEN = frozenset({"ExpiredToken", "InvalidToken"})
"""With one of these, and status 400, servers answer to a token that is over."""


def error_name(error: ApiError) -> str:
    """The protocol's name for what went wrong, where the server gave one."""
    name = error.data.get("error") if isinstance(error.data, dict) else None
    return name if isinstance(name, str) else ""


class Session:
    """One account's session. May be used by any number of threads."""

    def __init__(self, account: BlueskyAccount, *, now: Now, timeout_seconds: float = 30) -> None:
        """Raises InputError for an address that cannot be used or an empty password."""
        password = usable_secret(account.password.get_secret_value(), f"The app password of {account.handle}")
        self.server, self.title = account.server, f"Bluesky ({account.handle})"
        self._account, self._now, self._password = account, now, password
        self._client = ApiClient(
            account.server, title=self.title, now=now, secrets=(password,), timeout_seconds=timeout_seconds
        )
        self._lock = Lock()
        self._access = self._refresh = ""
        self._identity: Identity | None = None
        self._tried: deque[datetime] = deque()
        self._refused: tuple[ApiError, datetime] | None = None

    def identity(self) -> Identity:
        """Raises ApiError."""
        with self._lock:
            return self._signed_in()

    def access(self) -> str:
        """A token that the server has not refused yet. Raises ApiError."""
        with self._lock:
            self._signed_in()
            return self._access

    def reject(self, token: str) -> None:
        """The server no longer takes this token; the next `access` gives another one. Raises ApiError."""
        with self._lock:
            if token and token == self._access:
                self._access = ""
                self._renew()

    def redacted(self, text: str) -> str:
        """Without anything of the session in it."""
        for secret in (self._password, self._access, self._refresh):
            if secret:
                text = text.replace(secret, "(secret)")
        return text

    def _signed_in(self) -> Identity:
        if not self._access or self._identity is None:
            self._sign_in()
        assert self._identity is not None  # noqa: S101
        return self._identity

    def _renew(self) -> None:
        refresh, self._refresh = self._refresh, ""
        if not refresh:
            return
        try:
            headers = {"Authorization": f"Bearer {refresh}"}
            answer = self._client.post("/xrpc/com.atproto.server.refreshSession", headers=headers)
        except ApiError as error:
            if error.status == 401 or error_name(error) in STALE_TOKEN:
                return  # both tokens are over: sign in
            self._refresh = refresh
            raise
        self._take(answer.data)

    def _sign_in(self) -> None:
        if self._refresh:
            self._renew()
            if self._access:
                return
        now = self._now()
        self._bear_refusal(now)
        while self._tried and now - self._tried[0] >= WINDOW:
            self._tried.popleft()
        if len(self._tried) >= WINDOW_LIMIT:
            wait = (self._tried[0] + WINDOW - now).total_seconds()
            raise ApiError(
                f"{self.title} was signed in to {WINDOW_LIMIT} times", status=429, retry_after=wait
            )
        self._tried.append(now)
        facts = {"identifier": self._account.handle, "password": self._password}
        try:
            answer = self._client.post("/xrpc/com.atproto.server.createSession", json=facts)
        except ApiError as error:
            if error.status in {400, 401, 403, 429}:
                usual = NO_RESET_SECONDS if error.status == 429 else REFUSED_SECONDS
                wait = usual if error.retry_after is None else error.retry_after
                self._refused = error, now + timedelta(seconds=wait)
            raise
        self._refused = None
        self._take(answer.data)

    def _bear_refusal(self, now: datetime) -> None:
        """Repeat what the server has said, for as long as it stands."""
        if self._refused is None:
            return
        error, until = self._refused
        left = (until - now).total_seconds()
        # Whoever was told when to come back may be early by what a clock rounds off.
        if left >= _ROUNDED_SECONDS:
            raise ApiError(str(error), status=error.status, retry_after=left, data=error.data)

    def _take(self, data: Any) -> None:
        fields = data if isinstance(data, dict) else {}
        access, refresh = fields.get("accessJwt"), fields.get("refreshJwt")
        did, handle = fields.get("did"), fields.get("handle")
        for token in (access, refresh):
            if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
                raise self._client.wrong("a session without tokens")
        if not is_did(did):
            raise self._client.wrong("a session without an account")
        self._access, self._refresh = str(access), str(refresh)
        named = handle if isinstance(handle, str) and handle else self._account.handle
        self._identity = Identity(str(did), mend(named)[:300])
