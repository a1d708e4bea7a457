"""Secrets come from the environment alone, and leave this module only wrapped."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pydantic import SecretStr

from answerback.config import AppriseSettings, Config, ConfigError, WebhookSettings
from listener import platforms
from listener.platform import NamedSettings


def variable(name: str, secret: str) -> str:
    """Name of the environment variable of a secret of the source that is called `name`."""
    return f"ANSWERBACK_{name.upper().replace('-', '_')}_{secret}"


def optional(name: str) -> SecretStr | None:
    value = os.environ.get(name, "").strip()
    return SecretStr(value) if value else None


def required(name: str, purpose: str) -> SecretStr:
    """Raises ConfigError naming the variable, where it is not set."""
    secret = optional(name)
    if secret is None:
        raise ConfigError(f"The environment variable {name} is not set; it is needed for {purpose}.")
    return secret


def of_source(source: NamedSettings, secret: str) -> SecretStr | None:
    """One of a source's secrets; None where nobody has set it."""
    return optional(variable(source.name, secret))


def lacking_to_read(source: NamedSettings) -> list[str]:
    """Variables of the first way to read, where none of the ways is open."""
    ways = [_unset(source, way) for way in platforms.load(source.type).reads_with]
    return [] if any(not unset for unset in ways) else ways[0]


def lacking_to_reply(source: NamedSettings) -> list[str]:
    """Variables without which nobody can reply as this account."""
    return _unset(source, platforms.load(source.type).replies_with or ())


def missing(config: Config) -> list[str]:
    """Names of the variables that the config needs and the environment lacks."""
    names = [name for source in config.sources for name in lacking_to_read(source)]
    for channel in config.alerts.channels:
        match channel:
            case AppriseSettings():
                names.append(channel.url_env)
            case WebhookSettings():
                names.append(channel.secret_env)
    return [name for name in names if optional(name) is None]


def _unset(source: NamedSettings, secrets: Iterable[str]) -> list[str]:
    names = [variable(source.name, secret) for secret in secrets]
    return [name for name in names if optional(name) is None]
