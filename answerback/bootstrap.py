"""From a config to the parts that it describes. Heavy imports happen where a part is made, not before:
the desk makes neither a predictor nor a source, and so never loads their libraries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from answerback import clock
from answerback.calendars import make_calendar
from answerback.config import (
    ALWAYS,
    AlertSettings,
    AppriseSettings,
    Config,
    ConfigError,
    SlaSettings,
    WebhookSettings,
)
from answerback.config_classifier import ClassifierSettings
from answerback.pipeline import Pipeline
from answerback.secrets import required
from desk.errors import InputError
from desk.model.calendar import ALWAYS_OPEN, BusinessCalendar
from desk.model.sla import Clock, PolicyRule, SlaPolicy
from desk.model.thresholds import BrandThresholds, Thresholds
from desk.ports import AlertChannel, Explain, Predictor, ReplySender
from desk.store import Store
from desk.triage import Ally, Rules, TriagePolicy
from desk.watch import AlertRules

if TYPE_CHECKING:
    from classifier.artifact import Manifest

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
            severe_anger=triage.severe_anger,
            allies=frozenset(Ally.of(*name.split(":", maxsplit=1)) for name in triage.allies),
            fold_within=triage.fold_within,
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
    return AlertRules(kinds=settings.kinds, ahead=settings.ahead, silent_after=settings.silent_after)


def make_predictor(settings: ClassifierSettings) -> Predictor:
    """The classifier with its reasons; loads the model at the first post.

    Raises ArtifactError, and ConfigError for a threshold that does not go with the weights' other one.
    """
    from classifier import load_predictor  # noqa: PLC0415
    from classifier.reasons import Reason, WithReasons  # noqa: PLC0415
    from classifier.screening import Screened  # noqa: PLC0415

    folder = weights_folder(settings)
    thresholds = settings.complaint_threshold, settings.look_threshold
    named = [Reason(r.name, r.sentence, r.examples) for r in settings.reasons]
    if settings.model == "screened":
        # The quick one keeps its own thresholds: what it was measured to rule out.
        quick, full = load_predictor(_quick_in(folder)), load_predictor(folder, *thresholds)
        _thresholds_in_order(settings, full.manifest)
        brands = [
            one for brand in settings.brands for one in (brand.complaint_threshold, brand.look_threshold)
        ]
        screened = Screened(quick, full, [one for one in brands if one is not None])
        return WithReasons(screened, named, stored=quick.reason_vectors)
    model = load_predictor(_quick_in(folder) if settings.model == "quick" else folder, *thresholds)
    _thresholds_in_order(settings, model.manifest)
    return WithReasons(model, named, stored=model.reason_vectors)


def _thresholds_in_order(settings: ClassifierSettings, weights: Manifest) -> None:
    """Better no start than posts of doubt that nobody is shown.

    Where config.toml gives both, they were compared when it was read; here the weights give the other one.
    """
    # Rounded to the safe side: whoever sets the figure that is told is let through.
    most = f"{math.floor(weights.complaint_threshold * 1_000) / 1_000:.3f}"
    least = f"{math.ceil(weights.look_threshold * 1_000) / 1_000:.3f}"
    lost = f"of the weights {weights.version}: no post would be left for a second look"
    for whose, complaint, look in settings.pairs():
        where = f"{settings.file}: classifier: {whose}"
        if complaint is None and look is not None and look > weights.complaint_threshold:
            raise ConfigError(
                f"{where}look_threshold is {look}, above the complaint_threshold {most} {lost}. "
                f"Set look_threshold to {most} or less, or complaint_threshold to {look} or more."
            )
        if look is None and complaint is not None and complaint < weights.look_threshold:
            raise ConfigError(
                f"{where}complaint_threshold is {complaint}, below the look_threshold {least} {lost}. "
                f"Set complaint_threshold to {least} or more, or look_threshold to {complaint} or less."
            )


def _quick_in(weights: Path) -> Path:
    """The folder of the quick model that these weights have taught. Raises ArtifactError."""
    from classifier.artifact import QUICK, ArtifactError  # noqa: PLC0415

    quick = weights / QUICK
    if not quick.is_dir():
        raise ArtifactError(
            f"[classifier] model: the weights in {weights} have no quick one. Leave model out, or make it: "
            f"answerback train --data DIR --distil {weights} --out {quick}"
        )
    return quick


def weights_folder(settings: ClassifierSettings) -> Path:
    """The folder of the full weights in use, in which the quick ones lie."""
    from classifier.artifact import SHIPPED  # noqa: PLC0415

    return settings.weights or SHIPPED


def make_explain(predictor: Predictor) -> Explain:
    """Which words moved a verdict."""
    from classifier.explain import explain  # noqa: PLC0415

    return partial(explain, predictor)


def make_thresholds(settings: ClassifierSettings) -> Thresholds:
    """What each brand counts as a complaint."""
    return Thresholds(
        {one.brand: BrandThresholds(one.complaint_threshold, one.look_threshold) for one in settings.brands}
    )


def make_channels(settings: AlertSettings) -> dict[str, AlertChannel]:
    """Alert channels by name. Raises ConfigError for a missing secret or an unusable address."""
    from listener.alerts.channels import AppriseChannel  # noqa: PLC0415
    from listener.alerts.webhooks import WebhookChannel  # noqa: PLC0415

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
    predictor = make_predictor(config.classifier)
    return Pipeline(
        store=store,
        predictor=predictor,
        explain=make_explain(predictor),
        thresholds=make_thresholds(config.classifier),
        rules=make_rules(config),
        alert_rules=make_alert_rules(config.alerts),
        senders=senders,
        channels=channels,
        now=clock.now,
    )
