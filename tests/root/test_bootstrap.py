"""From settings to parts: rules, calendars, channels, sources, and where secrets come from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from answerback import bootstrap, secrets
from answerback.config import Config, ConfigError, load_config
from answerback.feeds import make_feeds
from desk.errors import InputError, StoreError
from desk.model.case import Severity
from desk.model.sla import choose_policy
from listener.platforms import load as load_platform
from tests.fakes.replay_file import post, write

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_rules_decide_in_their_order_and_nobody_is_left_without_a_promise(tmp_path: Path) -> None:
    rules = bootstrap.make_rules(
        load(
            tmp_path,
            '[[sla.policies]]\nname = "fast"\nfirst_response = "15m"\n'
            '[[sla.policies]]\nname = "german"\nfirst_response = "30m"\n'
            '[[sla.rules]]\npolicy = "fast"\nseverity = "urgent"\n'
            '[[sla.rules]]\npolicy = "german"\nlanguage = "de"\n',
        )
    )

    def chosen(severity: Severity, language: str) -> tuple[str, int | None]:
        policy = choose_policy(rules.sla, brand="b", source="x", severity=severity.word, language=language)
        return policy.name, policy.first_response_seconds

    assert chosen(Severity.URGENT, "de") == ("fast", 900)
    assert chosen(Severity.NORMAL, "de") == ("german", 1_800)
    assert chosen(Severity.NORMAL, "en") == ("standard", 3_600)


def test_a_calendar_knows_its_regions_holidays(tmp_path: Path) -> None:
    def worked(holidays: str) -> float:
        config = load(
            tmp_path,
            '[[sla.calendars]]\nname = "office"\ntimezone = "Europe/Berlin"\ntuesday = ["09:00-17:00"]\n'
            f'{holidays}\n[[sla.policies]]\nname = "p"\ncalendar = "office"\nfirst_response = "1h"\n'
            '[[sla.rules]]\npolicy = "p"',
        )
        calendar = bootstrap.make_rules(config).sla[0].policy.calendar
        # 6 January 2026 is Epiphany, a Tuesday: a holiday in Bavaria, none in all of Germany.
        return calendar.seconds_between(datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC))

    assert worked("") == worked('holidays = "DE"') == 8 * 3_600
    assert worked('holidays = "DE-BY"') == 0
    assert worked("closed_on = [2026-01-06]") == 0


@pytest.mark.parametrize("place", ["QQ", "DE-ZZ", "", "Germany!"])
def test_unknown_holidays(tmp_path: Path, place: str) -> None:
    config = load(tmp_path, f'[[sla.calendars]]\nname = "o"\nmonday = ["09:00-17:00"]\nholidays = "{place}"')
    with pytest.raises(ConfigError, match=r'sla.calendars "o": holidays of .* are not known; .*"DE-BY"'):
        bootstrap.make_rules(config)


def test_a_target_that_no_week_can_hold_is_told_before_the_first_case(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        '[[sla.calendars]]\nname = "rare"\nmonday = ["09:00-09:10"]\n'
        '[[sla.policies]]\nname = "p"\ncalendar = "rare"\nresolution = "9d"',
    )
    with pytest.raises(ConfigError, match=r'sla.policies "p": resolution .* "rare"'):
        bootstrap.make_rules(config)


WEBHOOK = (
    '[[alerts.channels]]\ntype = "webhook"\nname = "ops"\nurl = "https://ops.example/hook"\n'
    'secret_env = "ANSWERBACK_OPS_SECRET"\n'
)


def test_secrets_come_from_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alerts = load(tmp_path, WEBHOOK).alerts
    monkeypatch.delenv("ANSWERBACK_OPS_SECRET", raising=False)
    with pytest.raises(ConfigError, match=r"ANSWERBACK_OPS_SECRET is not set.*alert channel ops"):
        bootstrap.make_channels(alerts)
    monkeypatch.setenv("ANSWERBACK_OPS_SECRET", "   ")
    with pytest.raises(ConfigError, match=r"ANSWERBACK_OPS_SECRET is not set"):
        bootstrap.make_channels(alerts)
    monkeypatch.setenv("ANSWERBACK_OPS_SECRET", "of-the-wrong-form")
    with pytest.raises(InputError, match=r"Webhook ops") as error:
        bootstrap.make_channels(alerts)
    assert "of-the-wrong-form" not in str(error.value)
    # Two while one is exchanged for the other.
    monkeypatch.setenv("ANSWERBACK_OPS_SECRET", f" {SECRET}  {SECRET} ")
    made = bootstrap.make_channels(alerts)
    assert list(made) == ["ops"]
    assert SECRET not in repr(made["ops"].__dict__ if hasattr(made["ops"], "__dict__") else made["ops"])


def test_an_apprise_address_is_a_secret_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alerts = load(
        tmp_path, '[[alerts.channels]]\ntype = "apprise"\nname = "chat"\nurl_env = "CHAT_URL"'
    ).alerts
    monkeypatch.setenv("CHAT_URL", "nonsense://hidden-token")
    with pytest.raises(InputError, match=r"chat") as error:
        bootstrap.make_channels(alerts)
    assert "hidden-token" not in str(error.value)


X_SECRETS = [secret for way in load_platform("x").reads_with for secret in way]


def test_each_x_account_reads_secrets_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in X_SECRETS:
        for account in ("X", "X_DE"):
            monkeypatch.delenv(f"ANSWERBACK_{account}_{name}", raising=False)
    config = load(
        tmp_path,
        '[[sources]]\ntype = "x"\nbrand = "b"\nhandle = "h"\n'
        '[[sources]]\ntype = "x"\nname = "x-de"\nbrand = "b"\nhandle = "i"\nlisten = "fernway near/5 late"',
    )
    assert secrets.missing(config) == ["ANSWERBACK_X_BEARER_TOKEN", "ANSWERBACK_X_DE_BEARER_TOKEN"]
    monkeypatch.setenv("ANSWERBACK_X_BEARER_TOKEN", "t")
    with pytest.raises(ConfigError, match=r"ANSWERBACK_X_DE_BEARER_TOKEN.*x-de"):
        make_feeds(config.sources)
    monkeypatch.setenv("ANSWERBACK_X_DE_BEARER_TOKEN", "t")
    made = make_feeds(config.sources)
    assert [feed.source.name for feed in made.feeds] == [
        *["x:mentions", "x:own"],
        *["x-de:mentions", "x-de:own", "x-de:search"],
    ]
    assert made.senders == {}  # a bearer token reads; nothing can be published with it
    for name in X_SECRETS:
        monkeypatch.setenv(f"ANSWERBACK_X_{name}", "t")
    assert set(make_feeds(config.sources).senders) == {"x"}


def test_a_mastodon_account_is_read_in_all_its_feeds_and_replied_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANSWERBACK_MASTODON_ACCESS_TOKEN", raising=False)
    config = load(
        tmp_path,
        '[[sources]]\ntype = "mastodon"\nbrand = "b"\nserver = "https://social.example"\n'
        'hashtags = ["fernway"]\nlisten = "broken"',
    )
    assert secrets.missing(config) == ["ANSWERBACK_MASTODON_ACCESS_TOKEN"]
    with pytest.raises(ConfigError, match=r"ANSWERBACK_MASTODON_ACCESS_TOKEN"):
        make_feeds(config.sources)
    monkeypatch.setenv("ANSWERBACK_MASTODON_ACCESS_TOKEN", "t")
    made = make_feeds(config.sources)
    assert [feed.source.name for feed in made.feeds] == [
        "mastodon:mentions",
        "mastodon:own",
        "mastodon:hashtag:fernway",
        "mastodon:search:broken",
    ]
    assert set(made.senders) == {"mastodon"}


def test_a_replay_brings_a_sender_for_each_platform_in_its_file(tmp_path: Path) -> None:
    write(tmp_path / "day.jsonl", [post(1, source="x"), post(2, source="mastodon"), b"nope"])
    config = load(tmp_path, '[[sources]]\ntype = "replay"\npath = "day.jsonl"')
    made = make_feeds(config.sources)
    assert [feed.source.name for feed in made.feeds] == ["replay:day.jsonl"]
    assert set(made.senders) == {"x", "mastodon"}


def test_the_command_lines_store_goes_before_the_configs(tmp_path: Path) -> None:
    config = load(tmp_path, 'store = "mine.db"')
    assert bootstrap.open_store(config, None, create=True).path == tmp_path / "mine.db"
    assert bootstrap.open_store(config, tmp_path / "other.db", create=True).path == tmp_path / "other.db"
    with pytest.raises(StoreError, match=r"gone\.db"):
        bootstrap.open_store(config, tmp_path / "gone.db", create=False)
