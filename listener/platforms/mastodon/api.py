"""The edge to a server that speaks the Mastodon API: one request, with what its headers say of pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from desk.errors import InputError
from desk.ports import Headroom, Now
from listener import json_api
from listener.json_api import ApiClient
from listener.platforms.mastodon.account import MastodonAccount, is_id, server_host, server_url


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
        """For the time-out see ApiClient. Raises InputError for an address that cannot be used or an empty
        token."""
        self.url = server_url(account.server)
        self.host = server_host(self.url)
        """Names the server in ids: it never changes while the address does not."""
        token = account.token.get_secret_value().strip()
        if not token or not token.isprintable() or not token.isascii():
            raise InputError(
                f"The access token for {self.host} is empty or no token; set it in the environment."
            )
        self._api = ApiClient(
            self.url,
            title=self.host,
            now=now,
            secrets=[token],
            headers={"Authorization": f"Bearer {token}"},
            timeout_seconds=timeout_seconds,
        )

    def get(self, path: str, params: Any = None) -> Answer:
        """Read; see `ApiClient.get`. Raises ApiError."""
        return _answer(self._api.get(path, params))

    def post(self, path: str, body: Any, headers: dict[str, str]) -> Answer:
        """Write: one attempt, see `ApiClient.post`. Raises ApiError."""
        return _answer(self._api.post(path, json=body, headers=headers))

    @contextmanager
    def listen(self, url: str, params: Any, silence_seconds: float) -> Iterator[httpx.Response]:
        """Open a stream of server-sent events that may be silent so long. Raises ApiError."""
        with self._api.listen(url, params, silence_seconds) as response:
            yield response


def _answer(answer: json_api.Answer) -> Answer:
    return Answer(
        answer.data,
        next_max_id=_link_id(answer, "next", "max_id"),
        prev_min_id=_link_id(answer, "prev", "min_id"),
        has_links="link" in answer.headers,
        headroom=answer.headroom,
    )


def _link_id(answer: json_api.Answer, rel: str, name: str) -> str | None:
    """An id out of a `Link`. Only that: behind a proxy the rest of the address may name another host."""
    url = answer.links.get(rel, "")
    try:
        values = parse_qs(urlsplit(url).query).get(name, [])
    except ValueError:
        return None
    return values[0] if values and is_id(values[0]) else None
