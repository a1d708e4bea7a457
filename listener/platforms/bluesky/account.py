"""Whose account, on which server."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

DEFAULT_SERVER = "https://bsky.social"


@dataclass(frozen=True, slots=True)
class BlueskyAccount:
    """The brand's own account."""

    brand: str
    handle: str
    """"fernway.example", without @; the account's DID serves as well."""
    password: SecretStr = field(repr=False)
    """An app password; the account's main one works and should not be used."""
    server: str = DEFAULT_SERVER
    """The personal data server that the account signs in to."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the server says that has signed in."""

    did: str
    handle: str
