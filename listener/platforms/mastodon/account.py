"""Whose account, on which server; and what a server's ids look like. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from desk.errors import InputError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")


@dataclass(frozen=True, slots=True)
class MastodonAccount:
    """The brand's own account on one server."""

    brand: str
    server: str
    """Address of the API, "https://social.example"; a bare host means https."""
    token: SecretStr = field(repr=False)
    """Access token with the scopes read and, for replies, write:statuses."""
    handle: str | None = None
    """Name without @ and server; where given, a token of another account is refused."""
    public_replies: bool = False
    """Answer public posts in public. Otherwise unlisted, as is the custom: seen in the thread, and by
    followers, but in no public timeline."""


def is_id(value: object) -> bool:
    """An id as servers give it: a number, ULID, UUID or flake id, safe to put into a path.

    Ids are opaque; where one must be newer than another, `id_order` says which.
    """
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def id_order(value: str) -> tuple[int, str]:
    """Key that sorts a server's ids by age: numbers grow longer, ULIDs are of one length."""
    return len(value), value


def server_url(server: str) -> str:
    """The API's address without a slash at its end.

    Raises InputError where it is no address, or a token would not be safe on the way to it.
    """
    url = server.strip()
    url = (url if "://" in url else f"https://{url}").rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f'Mastodon server "{server[:100]}" is no address: {error}.') from error
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment or parts.username:
        raise InputError(
            f'Mastodon server "{server[:100]}" is no address; write it like "https://social.example".'
        )
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise InputError(f"Mastodon server {url}: the token would be readable on its way; use https://.")
    return url


def server_host(url: str) -> str:
    """Host, and port where it is not the scheme's own: one server has one name, however it is written."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}[parts.scheme]
    host = (parts.hostname or "").lower()
    return host if parts.port in {None, usual} else f"{host}:{parts.port}"
