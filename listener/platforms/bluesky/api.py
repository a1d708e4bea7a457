"""The edge to a personal data server, which passes on what it does not know itself to the network's view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from desk.ports import Now
from listener.api_errors import ApiError
from listener.json_api import Answer, ApiClient
from listener.platforms.bluesky.account import Identity
from listener.platforms.bluesky.session import STALE_TOKEN, Session, error_name

_NO_RECORD = frozenset({"RecordNotFound", "RepoNotFound", "RepoTakendown", "RepoDeactivated"})


class BlueskyClient:
    """Requests as one account. To be used by one thread at a time; the session may be shared."""

    def __init__(self, session: Session, *, now: Now, timeout_seconds: float = 30) -> None:
        self.title = session.title
        """Names the server and the account in messages."""
        self._session, self._token = session, _Bearer(session)
        self._api = ApiClient(
            session.server, title=session.title, now=now, token=self._token, timeout_seconds=timeout_seconds
        )

    def identity(self) -> Identity:
        """Who reads and writes here. Raises ApiError."""
        return self._session.identity()

    def get(self, method: str, params: Any = None) -> Answer:
        """Ask. Raises ApiError: 401 where a person has to look at the account."""
        return self._as_account(lambda: self._api.get(f"/xrpc/{method}", params))

    def post(self, method: str, body: Mapping[str, Any]) -> Answer:
        """Write: one attempt, and a second one only where the first was refused for its token alone."""
        return self._as_account(lambda: self._api.post(f"/xrpc/{method}", json=dict(body)), writes=True)

    def record(self, did: str, collection: str, key: str) -> dict[str, Any] | None:
        """A record as {"uri", "cid", "value"}; None where there is certainly none. Raises ApiError."""
        params = {"repo": did, "collection": collection, "rkey": key}
        try:
            data = self.get("com.atproto.repo.getRecord", params).data
        except ApiError as error:
            if error.status in {400, 404} and error_name(error) in _NO_RECORD:
                return None
            raise
        if not isinstance(data, dict) or not isinstance(data.get("value"), dict):
            raise self.wrong("a record that is none")
        return data

    def wrong(self, what: str) -> ApiError:
        """For an answer of the wrong kind: "sent {what}"."""
        return self._api.wrong(what)

    def _as_account(self, call: Callable[[], Answer], *, writes: bool = False) -> Answer:
        try:
            try:
                return call()
            except ApiError as error:
                # The edge has tried a read with a fresh token already, where the status said so.
                if error_name(error) not in STALE_TOKEN and not (writes and error.status == 401):
                    raise
            self._token.forget()
            return call()
        except ApiError as error:
            # A token that is refused although it is new is no wrong address.
            status = 401 if error_name(error) in STALE_TOKEN else error.status
            raise ApiError(
                self._session.redacted(str(error)),
                status=status,
                retry_after=error.retry_after,
                left=error.left,
                data=error.data,
            ) from error


class _Bearer:
    """The session's token as the edge asks for it."""

    def __init__(self, session: Session) -> None:
        self._session, self._given = session, ""

    def value(self) -> str:
        self._given = self._session.access()
        return self._given

    def forget(self) -> None:
        self._session.reject(self._given)
