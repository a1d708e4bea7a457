"""From a config to the parts that it describes. Heavy imports happen where a part is made, not before:
the desk makes neither a predictor nor a source, and so never loads their libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from answerback import clock
from answerback.calendars import make_calendar
from answerback.config import (
    ALWAYS,
    AlertSettings,
    AppriseSettings,
    ClassifierSettings,
    Config,
    ConfigError,
    ReplaySettings,
    SlaSettings,
    SourceSettings,
    WebhookSettings,
    XSettings,
)
from answerback.pipeline import Pipeline
from answerback.secrets import X_SECRETS, optional, required, x_variable
from desk.errors import InputError
from desk.model.calendar import ALWAYS_OPEN, BusinessCalendar
from desk.model.sla import Clock, PolicyRule, SlaPolicy
from desk.ports import AlertChannel, Predictor, ReplySender, Source
from desk.store import Store
from desk.triage import Rules, TriagePolicy
from desk.watch import AlertRules

if TYPE_CHECKING:
    from listener.x import XAccount, XCredentials

_STANDARD = SlaPolicy("standard", first_response_seconds=3_600, next_response_seconds=7_200)
"""What is promised where config.toml says nothing."""
NOBODY: Mapping[str, Any] = MappingProxyType({})


def make_rules(config: Config) -> Rules:
    """Triage policy and SLA rules. Raises ConfigError where a rule names what does not exist."""
    triage = config.triage
    return Rules(
        triage=TriagePolicy(
            open_every_thread=triage.open_every_thread,
            open_needs_look=triage.open_needs_look,
            reopen_within=triage.reopen_within,
            urgent_terms=triage.urgent_terms,
            severe_negative=triage.severe_negative,
        ),
        sla=_sla_rules(config.sla),
    )


def _sla_rules(settings: SlaSettings) -> tuple[PolicyRule, ...]:
    calendars = {ALWAYS: ALWAYS_OPEN} | {c.name: make_calendar(c) for c in settings.calendars}
    policies: dict[str, SlaPolicy] = {}
    for policy in settings.policies:
        calendar = calendars[policy.calendar]
        seconds: dict[str, int] = {}
        for kind in Clock:
            target = getattr(policy, kind)
            if target is not None:
                seconds[f"{kind}_seconds"] = int(target.total_seconds())
                _reachable(policy.name, kind, calendar, target)
        policies[policy.name] = SlaPolicy(policy.name, calendar, **seconds)
    rules = [
        PolicyRule(policies[rule.policy], **rule.model_dump(exclude={"policy"})) for rule in settings.rules
    ]
    # Whoever matches no rule still gets a promise.
    return (*rules, PolicyRule(_STANDARD))


def _reachable(policy: str, kind: Clock, calendar: BusinessCalendar, target: timedelta) -> None:
    """Better no start than a case for which no due time can be found."""
    try:
        calendar.add(clock.now(), target.total_seconds())
    except InputError:
        raise ConfigError(
            f'sla.policies "{policy}": {kind} is more than the calendar "{calendar.name}" '
            "holds in three years."
        ) from None


def make_alert_rules(settings: AlertSettings) -> AlertRules:
    return AlertRules(kinds=settings.kinds, ahead=settings.ahead)


def make_predictor(settings: ClassifierSettings) -> Predictor:
    """The classifier; loads the model. Raises ArtifactError."""
    from classifier import load_predictor  # noqa: PLC0415

    return load_predictor(settings.weights, settings.complaint_threshold, settings.look_threshold)


def make_channels(settings: AlertSettings) -> dict[str, AlertChannel]:
    """Alert channels by name. Raises ConfigError for a missing secret or an unusable address."""
    from listener.channels import AppriseChannel  # noqa: PLC0415
    from listener.webhooks import WebhookChannel  # noqa: PLC0415

    made: dict[str, AlertChannel] = {}
    for channel in settings.channels:
        purpose = f"the alert channel {channel.name}"
        match channel:
            case AppriseSettings():
                made[channel.name] = AppriseChannel(channel.name, required(channel.url_env, purpose))
            case WebhookSettings():
                secrets = required(channel.secret_env, purpose).get_secret_value().split()
                made[channel.name] = WebhookChannel(
                    channel.name,
                    channel.url,
                    secrets,
                    now=clock.now,
                    allow_private_addresses=channel.allow_private_addresses,
                )
    return made


def make_feeds(settings: Sequence[SourceSettings]) -> tuple[list[Source], dict[str, ReplySender]]:
    """All sources, and the senders that answer on them, by platform."""
    feeds: list[Source] = []
    senders: dict[str, ReplySender] = {}
    for source in settings:
        match source:
            case ReplaySettings():
                feed, replying = _replay(source)
                feeds.append(feed)
                senders |= replying
            case XSettings():
                feeds += _x_feeds(source)
    senders |= _x_sender([source for source in settings if isinstance(source, XSettings)])
    return feeds, senders


def _replay(settings: ReplaySettings) -> tuple[Source, dict[str, ReplySender]]:
    from listener.replay import ReplaySource, sources_in  # noqa: PLC0415
    from listener.replay_stage import ReplaySender, ReplayStage  # noqa: PLC0415

    stage = ReplayStage()
    source = ReplaySource(
        settings.path,
        name=settings.name,
        speed=settings.speed,
        rebase=True,
        live_from=settings.live_from,
        now=clock.now,
        stage=stage,
    )
    return source, {key: ReplaySender(key, stage, clock.now) for key in sources_in(settings.path)}


def _x_feeds(settings: XSettings) -> list[Source]:
    from listener.x import XFeed, XSource  # noqa: PLC0415
    from listener.x_api import DEFAULT_BASE_URL  # noqa: PLC0415

    account, credentials = _x_account(settings)
    feeds = [XFeed.MENTIONS, XFeed.OWN] + ([XFeed.SEARCH] if settings.query else [])
    return [
        XSource(
            account,
            credentials,
            feed=feed,
            now=clock.now,
            query=settings.query or "" if feed is XFeed.SEARCH else "",
            name=f"{settings.name}:{feed}",
            interval_seconds=settings.interval.total_seconds(),
            base_url=settings.base_url or DEFAULT_BASE_URL,
        )
        for feed in feeds
    ]


def _x_sender(accounts: Sequence[XSettings]) -> dict[str, ReplySender]:
    """One sender for all accounts that have the keys to write; none where no account has them."""
    if not accounts:
        return {}
    from listener.x import XSender  # noqa: PLC0415
    from listener.x_api import DEFAULT_BASE_URL  # noqa: PLC0415

    writing = [_x_account(settings) for settings in accounts]
    able = {account: credentials for account, credentials in writing if credentials.user_context}
    if not able:
        return {}
    base_url = next((s.base_url for s in accounts if s.base_url), DEFAULT_BASE_URL)
    return {"x": XSender(able, now=clock.now, base_url=base_url)}


def _x_account(settings: XSettings) -> tuple[XAccount, XCredentials]:
    from listener.x import XAccount, XCredentials  # noqa: PLC0415

    secrets = {name.lower(): optional(x_variable(settings, name)) for name in X_SECRETS}
    if not any(secrets.values()):
        required(x_variable(settings, "BEARER_TOKEN"), f"reading the X source {settings.name}")
    return XAccount(settings.brand, settings.handle, settings.user_id), XCredentials(**secrets)


def open_store(config: Config, path: Path | None, *, create: bool) -> Store:
    """The store that the command line names, or else the config. Raises StoreError."""
    return Store(path or config.store, create=create)


def make_pipeline(
    config: Config,
    store: Store,
    *,
    senders: Mapping[str, ReplySender] = NOBODY,
    channels: Mapping[str, AlertChannel] = NOBODY,
) -> Pipeline:
    """The steps; without senders and channels nothing leaves the machine."""
    return Pipeline(
        store=store,
        predictor=make_predictor(config.classifier),
        rules=make_rules(config),
        alert_rules=make_alert_rules(config.alerts),
        senders=senders,
        channels=channels,
        now=clock.now,
    )
