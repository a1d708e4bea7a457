"""Secrets come from the environment alone, and leave this module only wrapped."""

from __future__ import annotations

import os

from pydantic import SecretStr

from answerback.config import (
    AppriseSettings,
    Config,
    ConfigError,
    MastodonSettings,
    WebhookSettings,
    XSettings,
)

MASTODON_SECRET = "ACCESS_TOKEN"  # noqa: S105  (the name of a variable, not its value)
X_SECRETS = ("BEARER_TOKEN", "CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")


def source_variable(source: XSettings | MastodonSettings, secret: str) -> str:
    """Name of the environment variable of one of a source's secrets."""
    return f"ANSWERBACK_{source.name.upper().replace('-', '_')}_{secret}"


def optional(variable: str) -> SecretStr | None:
    value = os.environ.get(variable, "").strip()
    return SecretStr(value) if value else None


def required(variable: str, purpose: str) -> SecretStr:
    """Raises ConfigError naming the variable, where it is not set."""
    secret = optional(variable)
    if secret is None:
        raise ConfigError(f"The environment variable {variable} is not set; it is needed for {purpose}.")
    return secret


def x_can_read(source: XSettings) -> bool:
    return optional(source_variable(source, X_SECRETS[0])) is not None or x_can_reply(source)


def x_can_reply(source: XSettings) -> bool:
    return not x_missing_to_reply(source)


def x_missing_to_reply(source: XSettings) -> list[str]:
    """Names of the variables without which nobody can reply as this account."""
    names = [source_variable(source, secret) for secret in X_SECRETS[1:]]
    return [name for name in names if optional(name) is None]


def missing(config: Config) -> list[str]:
    """Names of the variables that the config needs and the environment lacks."""
    names = []
    for source in config.sources:
        match source:
            case XSettings() if not x_can_read(source):
                names.append(source_variable(source, X_SECRETS[0]))
            case MastodonSettings():
                names.append(source_variable(source, MASTODON_SECRET))
    for channel in config.alerts.channels:
        match channel:
            case AppriseSettings():
                names.append(channel.url_env)
            case WebhookSettings():
                names.append(channel.secret_env)
    return [name for name in names if optional(name) is None]
