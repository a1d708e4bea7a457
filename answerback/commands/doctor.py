"""answerback doctor"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import click

from answerback import bootstrap, clock, secrets
from answerback.commands.options import config_option, db_option, example, json_option, print_json
from answerback.config import DEFAULT_PATH, Config, load_config
from answerback.exits import Exit
from answerback.feeds import budgets_of
from answerback.rendering.words import duration
from answerback.terminal import plain
from desk import classification
from desk.errors import DeskError
from desk.model.alert import DeliveryState
from desk.model.spending import Pace, dollars
from desk.store import Store, sources, spending
from desk.store import alerts as alert_store
from desk.store.sources import SourceStatus
from desk.store.totals_view import totals
from listener import platforms
from listener.platform import Platform, SourceSettings


class Health(StrEnum):
    GOOD = "ok"
    HINT = "hint"
    """Works, but something is left to do."""
    BAD = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    about: str
    health: Health
    said: str


@click.command()
@config_option
@db_option
@json_option
@example("answerback doctor")
def doctor(*, config_path: Path | None, db_path: Path | None, as_json: bool) -> int:
    """Check the setup, and say what to do next.

    Looks at config, secrets, model, store, sources and alert channels. The exit code is 1 where something
    is wrong.
    """
    findings = list(_examine(config_path, db_path))
    if as_json:
        print_json({"findings": [{"about": f.about, "health": f.health, "said": f.said} for f in findings]})
    else:
        signs = {Health.GOOD: "✓", Health.HINT: "•", Health.BAD: "✗"}
        for finding in findings:
            first, *rest = finding.said.splitlines()
            click.echo(plain(f"{signs[finding.health]} {finding.about:<10} {first}"))
            for line in rest:
                click.echo(plain(f"{'':<13}{line}"))
    return Exit.PARTIAL if any(f.health is Health.BAD for f in findings) else Exit.OK


def _examine(config_path: Path | None, db_path: Path | None) -> Iterator[Finding]:
    try:
        config = load_config(config_path)
        bootstrap.make_rules(config)
    except DeskError as error:
        yield Finding("config", Health.BAD, str(error))
        return
    if config_path is None and not DEFAULT_PATH.exists():
        yield Finding("config", Health.HINT, "There is no config.toml here; write one: answerback init")
    else:
        yield Finding("config", Health.GOOD, f"{config_path or DEFAULT_PATH} is valid.")
    yield from _sources(config)
    yield from _brands(config)
    yield from _secrets(config)
    yield from _model(config)
    path = db_path or config.store
    if path.exists():
        yield from _store(path, config.alerts.silent_after)
        yield from _spending(config, path)
    else:
        yield Finding("store", Health.HINT, f"{path} does not exist yet; answerback run makes it.")


def _sources(config: Config) -> Iterator[Finding]:
    if not config.sources:
        yield Finding(
            "sources", Health.HINT, "None configured; name at least one in [[sources]] of config.toml:"
        )
        for name in platforms.names():
            yield Finding(name, Health.HINT, _guide(platforms.load(name), name))
    for source in config.sources:
        platform = platforms.load(source.type)
        for problem in platform.problems(source):
            yield Finding("sources", Health.BAD, f"{source.name}: {problem}")
        if secrets.lacking_to_read(source):
            yield Finding(source.type, Health.HINT, _guide(platform, source.name))
        elif platform.replies_with is None:
            yield Finding("sources", Health.GOOD, f"{source.name} reads; replies are not possible there.")
        elif lacking := secrets.lacking_to_reply(source):
            said = f"{source.name} reads, but cannot reply: set {', '.join(lacking)}."
            yield Finding("sources", Health.HINT, said)
        else:
            yield Finding("sources", Health.GOOD, f"{source.name} reads and replies.")


def _brands(config: Config) -> Iterator[Finding]:
    """Brands with thresholds or SLA rules of their own of which nothing can be heard: most are misspelt."""
    heard = [source.brand for source in config.sources if isinstance(source, SourceSettings)]
    # A replayed file says itself whose posts it holds.
    if not heard or len(heard) < len(config.sources):
        return
    known = ", ".join(f'"{brand}"' for brand in sorted(set(heard)))
    named = [("classifier.brands", one.brand, "its thresholds decide") for one in config.classifier.brands]
    named += [("sla.rules", rule.brand, "the rule decides") for rule in config.sla.rules if rule.brand]
    for table, brand, what_decides in named:
        if brand not in heard:
            yield Finding(
                "brands",
                Health.HINT,
                f'[[{table}]] "{brand}": no source listens for this brand, so that {what_decides} nothing. '
                f"Write it as a source does: {known}.",
            )


def _source(status: SourceStatus, silent_after: timedelta, now: datetime) -> Finding:
    """How a source is: its state, how long ago it last answered, what its limit still allows."""
    silent_at = status.silent_at(silent_after)
    if status.listened_until is not None and not status.is_listened_to(now):
        health, state = Health.HINT, f"not listened to since {_minute(status.listened_until)}"
    elif status.state != "ok":
        health, state = Health.BAD, str(status.state)
    elif silent_at is not None and silent_at <= now:
        health, state = Health.BAD, "silent"
    else:
        health, state = Health.GOOD, "ok"
    success = "never"
    if status.last_success_at is not None:
        lag = (now - status.last_success_at).total_seconds()
        success = f"{_minute(status.last_success_at)} ({duration(max(lag, 0))} ago)"
    said = f"{status.name}: {state}, last success {success}"
    if status.newest_post_at is not None:
        said += f", newest post {_minute(status.newest_post_at)}"
    if (room := status.headroom) is not None:
        until = f" until {room.resets_at:%H:%M}" if room.resets_at and room.resets_at > now else ""
        said += f", {room.remaining:,} of {room.limit:,} requests left{until}"
    return Finding("source", health, f"{said}. {status.last_error}".strip())


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _guide(platform: Platform, name: str) -> str:
    """What a newcomer has to know and to do, a line each; `name` is the source's."""
    to_read = [secrets.variable(name, secret) for secret in platform.reads_with[0]]
    to_reply = [secrets.variable(name, secret) for secret in platform.replies_with or ()]
    more = [variable for variable in to_reply if variable not in to_read]
    last = "Fill in its block in config.toml"
    if to_read:
        last += f", and set {', '.join(to_read)}"
    if more:
        last += f"; to reply also {', '.join(more)}"
    steps = (*platform.steps, f"{last}.")
    return "\n".join((platform.asks, *(f"{n}. {step}" for n, step in enumerate(steps, start=1))))


def _secrets(config: Config) -> Iterator[Finding]:
    missing = secrets.missing(config)
    for name in missing:
        yield Finding("secrets", Health.BAD, f"The environment variable {name} is not set.")
    if missing:
        return
    try:
        channels = bootstrap.make_channels(config.alerts)
    except DeskError as error:
        yield Finding("alerts", Health.BAD, str(error))
        return
    if channels:
        yield Finding("alerts", Health.GOOD, f"go to {', '.join(channels)}.")


def _model(config: Config) -> Iterator[Finding]:
    try:
        predictor = bootstrap.make_predictor(config.classifier)
        classification.check(predictor)
        yield Finding("model", Health.GOOD, f"{predictor.version} answers.")
    except DeskError as error:
        yield Finding("model", Health.BAD, str(error))


def _store(path: Path, silent_after: timedelta) -> Iterator[Finding]:
    try:
        store = Store(path)
        held = totals(store)
        with store.read() as db:
            statuses = sources.statuses(db)
            gaps = sources.gaps(db)
            pending = alert_store.in_state(db, DeliveryState.PENDING)
    except DeskError as error:
        yield Finding("store", Health.BAD, str(error))
        return
    yield Finding("store", Health.GOOD, f"{path}: {held.mentions} posts, {held.cases} cases.")
    for status in statuses:
        yield _source(status, silent_after, clock.now())
    if held.quarantined:
        said = f"{held.quarantined} records could not be read: answerback quarantine"
        yield Finding("intake", Health.HINT, said)
    for name, gap in gaps:
        stretch = f"{gap.since:%Y-%m-%d %H:%M} to {_minute(gap.until)}"
        yield Finding("intake", Health.HINT, f"{name}: posts may be missing from {stretch}. {gap.reason}")
    failing = {delivery.channel: delivery.last_error for delivery in pending if delivery.last_error}
    for channel, why in failing.items():
        waiting = sum(delivery.channel == channel for delivery in pending)
        yield Finding("alerts", Health.BAD, f"{channel}: {waiting} wait and are tried again. {why}")
    if held.undelivered:
        said = f"{held.undelivered} alerts found no taker: answerback alerts dead"
        yield Finding("alerts", Health.BAD, said)


def _spending(config: Config, path: Path) -> Iterator[Finding]:
    """What platforms that charge have cost in this month."""
    budgets = budgets_of(config.sources)
    if not budgets:
        return
    try:
        now, store = clock.now(), Store(path)
        with store.read() as db:
            standings = [spending.standing(db, budget, now) for budget in budgets]
    except DeskError:
        return  # said of the store already
    for standing in standings:
        at_end = f"at this rate {dollars(standing.projected_micro_usd)} by the end of {now:%B}"
        said = f"{standing.budget.account} has used {standing.used()}; {at_end}."
        if not standing.budget.capped:
            said += " Set monthly_budget_usd: there is no cap."
            yield Finding("budget", Health.HINT, said)
        elif standing.pace is Pace.FREE:
            yield Finding("budget", Health.GOOD, said)
        else:
            health = Health.BAD if standing.pace is Pace.STOPPED else Health.HINT
            yield Finding("budget", health, f"{said} {standing.trouble()}.")
