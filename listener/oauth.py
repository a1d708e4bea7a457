"""Access tokens that last an hour and are fetched anew with what lasts (OAuth 2.0, RFC 6749)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta

from desk.ports import Now
from listener.api_errors import ApiError
from listener.json_api import ApiClient
from listener.text import one_line

_EARLY = timedelta(seconds=60)
"""So long before its end a token is renewed, so that no request carries one that ends on the way."""
_SHORTEST_SECONDS = 120.0
_LONGEST_SECONDS = 24 * 3600.0


class RenewedToken:
    """Fetches a token when it is needed, and keeps it until it ends or is refused."""

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str,
        client_secret: str,
        now: Now,
        refresh_token: str | None = None,
        basic: bool = False,
        title: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 30,
    ) -> None:
        """Without `refresh_token` the application reads as itself. `basic` sends the application's name and
        secret as HTTP Basic, as Reddit wants it; otherwise they stand in the form. Raises InputError."""
        grant = "client_credentials" if refresh_token is None else "refresh_token"
        self._form = {"grant_type": grant} | ({"refresh_token": refresh_token} if refresh_token else {})
        self._headers = dict[str, str]()
        if basic:
            pair = b64encode(f"{client_id}:{client_secret}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"
        else:
            self._form |= {"client_id": client_id, "client_secret": client_secret}
        base, _, self._path = token_url.rpartition("/")
        self._client = ApiClient(
            base,
            title=title,
            now=now,
            secrets=[client_secret, refresh_token or ""],
            headers=headers,
            timeout_seconds=timeout_seconds,
        )
        self._now = now
        self._token = ""
        self._until: datetime | None = None

    def value(self) -> str:
        """Raises ApiError: 401 where what lasts is not taken any more."""
        if self._until is None or self._now() >= self._until:
            self._renew()
        return self._token

    def forget(self) -> None:
        self._until = None

    def _renew(self) -> None:
        try:
            data = self._client.post(f"/{self._path}", form=self._form, headers=self._headers).data
        except ApiError as error:
            # "invalid_grant" comes as a 400; it means what a 401 means elsewhere. Nothing but a token was
            # asked for, so whatever the request behind it publishes has not left.
            status = 401 if error.status == 400 else error.status
            raise ApiError(
                f"no access token: {error}", status=status, retry_after=error.retry_after, left=False
            ) from error
        token = data.get("access_token") if isinstance(data, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
            said = data.get("error") if isinstance(data, dict) else None
            detail = f" ({one_line(said, 100)})" if isinstance(said, str) else ""
            raise ApiError(
                f"{self._client.title} sent something else than an access token{detail}",
                status=401 if detail else 200,
                left=False,
            )
        seconds = data.get("expires_in")
        lasts = float(seconds) if isinstance(seconds, int | float) else _SHORTEST_SECONDS
        lasts = min(max(lasts, _SHORTEST_SECONDS), _LONGEST_SECONDS)
        self._token, self._until = token, self._now() + timedelta(seconds=lasts) - _EARLY
