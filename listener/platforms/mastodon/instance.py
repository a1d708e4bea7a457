"""What a server says of itself and of the account whose token we hold; asked once a process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from listener.api_errors import ApiError
from listener.platforms.mastodon.account import MastodonAccount, is_id
from listener.platforms.mastodon.api import MastodonClient
from listener.text import mend

DEFAULT_MAX_CHARACTERS = 500
_DOMAIN = re.compile(r"[\w.-]+(?::\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Instance:
    """A server's rules, from `/api/v2/instance`, or `/api/v1/instance` where there is no v2."""

    domain: str
    """Stands behind the @ of its accounts; it can differ from the API's host."""
    max_characters: int = DEFAULT_MAX_CHARACTERS
    knows_filtered: bool = False
    """It holds notifications back unless it is asked for them (Mastodon 4.3)."""
    streaming_url: str | None = None
    """Where server-sent events come from, where it says so."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The account behind the token."""

    account_id: str
    handle: str
    """Full: user@server."""


def read_instance(client: MastodonClient) -> Instance:
    """Raises ApiError where the server does not answer; one that has no such page gets defaults."""
    for path in ("/api/v2/instance", "/api/v1/instance"):
        try:
            data = client.get(path).data
        except ApiError as error:
            if error.status not in {401, 403, 404, 410}:
                raise
            continue
        if isinstance(data, dict):
            return _instance(data, client.host)
    return Instance(client.host)


def _instance(data: Mapping[str, Any], host: str) -> Instance:
    configuration = _mapping(data, "configuration")
    statuses = _mapping(configuration, "statuses")
    streaming = _mapping(configuration, "urls").get("streaming")
    return Instance(
        domain=_domain(data) or host,
        max_characters=_count(statuses.get("max_characters"))
        # Pleroma and Akkoma say it beside the configuration.
        or _count(data.get("max_toot_chars"))
        or DEFAULT_MAX_CHARACTERS,
        knows_filtered=_knows_filtered(data),
        streaming_url=streaming if isinstance(streaming, str) else None,
    )


def _domain(data: Mapping[str, Any]) -> str | None:
    # GoToSocial's `account_domain`; v2's `domain`; v1's `uri`, which Pleroma writes as a whole address.
    for name in ("account_domain", "domain", "uri"):
        value = data.get(name)
        if isinstance(value, str) and value.strip():
            text = value.strip().lower()
            bare = urlsplit(text).netloc if "://" in text else text
            if _DOMAIN.fullmatch(bare):
                return bare
    return None


def _knows_filtered(data: Mapping[str, Any]) -> bool:
    if _count(_mapping(data, "api_versions").get("mastodon")):
        return True
    version = data.get("version")
    found = re.match(r"(\d{1,4})\.(\d{1,4})", version) if isinstance(version, str) else None
    if found is None or "compatible" in str(version):
        return False
    return (int(found[1]), int(found[2])) >= (4, 3)


def read_identity(client: MastodonClient, account: MastodonAccount, domain: str) -> Identity | None:
    """Whose token it is; None where it is not that of `account.handle`. Raises ApiError."""
    data = client.get("/api/v1/accounts/verify_credentials").data
    account_id = data.get("id") if isinstance(data, dict) else None
    name = data.get("username") if isinstance(data, dict) else None
    if not is_id(account_id) or not isinstance(name, str) or not name:
        raise ApiError(f"{client.host} did not say whose token this is")
    wanted = (account.handle or "").lstrip("@").partition("@")[0]
    if wanted and wanted.lower() != name.lower():
        return None
    return Identity(str(account_id), f"{mend(name)}@{domain}")


def _mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    """A number above zero, or 0; some servers send it as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
