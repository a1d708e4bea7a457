"""config.toml: what it accepts, what it refuses, and that no message repeats a value that may be a secret."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from answerback.bootstrap import make_rules
from answerback.config import Config, ConfigError, load_config
from desk.triage import Ally
from listener.platforms.replay import ReplaySettings
from listener.platforms.x import XSettings
from listener.values import parse_duration

SECRET = "xoxb-123-hushhush-456"


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    said = str(error.value)
    assert said.startswith(f"{tmp_path / 'config.toml'}")
    assert said.endswith(".")
    assert "pydantic" not in said
    return said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45m", 2_700),
        ("1h 30m", 5_400),
        ("1h30m", 5_400),
        (" 3D ", 259_200),
        ("0s", 0),
        ("90s", 90),
        ("2d 3h 4m 5s", 183_845),
        ("3650d", 315_360_000),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "45",
        45,
        1.5,
        "m",
        "-5m",
        "1.5h",
        "1w",
        "5 minutes",
        "1h,30m",
        "٣h",
        True,
        "9" * 400 + "d",
        "3651d",
    ],
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration"):
        parse_duration(text)


def calendar(tmp_path: Path, keys: str) -> tuple[tuple[tuple[time, time], ...], ...]:
    return load(tmp_path, f'[[sla.calendars]]\nname = "office"\n{keys}').sla.calendars[0].week


def test_working_hours(tmp_path: Path) -> None:
    week = calendar(
        tmp_path, 'monday = ["09:00-12:30", "13:30 - 17:00"]\nsunday = ["22:00-06:00", "0:00-24:00"]'
    )
    assert week[0] == ((time(9), time(12, 30)), (time(13, 30), time(17)))
    assert week[6] == ((time(22), time(6)), (time(0), time(0)))
    assert week[1:6] == ((),) * 5


@pytest.mark.parametrize(
    "hours", ["9-17", "09:00", "25:00-26:00", "09:00-24:30", "09:60-10:00", "nine-five", ""]
)
def test_what_are_no_working_hours(tmp_path: Path, hours: str) -> None:
    said = refused(tmp_path, f'[[sla.calendars]]\nname = "office"\nmonday = ["{hours}"]')
    assert "sla.calendars[1].monday[1]" in said
    assert '"09:00-17:30"' in said


def test_a_calendar_needs_hours_and_a_timezone_that_exists(tmp_path: Path) -> None:
    assert "no working hours" in refused(tmp_path, '[[sla.calendars]]\nname = "office"')
    said = refused(
        tmp_path, '[[sla.calendars]]\nname = "o"\nmonday = ["09:00-17:00"]\ntimezone = "Mars/Base"'
    )
    assert "sla.calendars[1].timezone" in said
    for zone in ("../../etc/passwd", "/etc/passwd", "", "\\u0000"):
        refused(tmp_path, f'[[sla.calendars]]\nname = "o"\nmonday = ["09:00-17:00"]\ntimezone = "{zone}"')


def test_days_off(tmp_path: Path) -> None:
    config = load(
        tmp_path, '[[sla.calendars]]\nname = "o"\nmonday = ["09:00-17:00"]\nclosed_on = [2026-12-24]'
    )
    assert config.sla.calendars[0].closed_on == (date(2026, 12, 24),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[sla.rules]]\npolicy = "gold"', ["rules[1]", '"gold"', "known: none"]),
        (
            '[[sla.policies]]\nname = "a"\n[[sla.rules]]\npolicy = "a"\n[[sla.rules]]\npolicy = "b"',
            ["rules[2]", '"b"', "known: a"],
        ),
        ('[[sla.policies]]\nname = "a"\ncalendar = "moon"', ['policy "a"', '"moon"', "known: always"]),
        ('[[sla.policies]]\nname = "a"\n[[sla.policies]]\nname = "a"', ['"a"', "name of its own"]),
        ('[[sla.calendars]]\nname = "always"\nmonday = ["09:00-17:00"]', ['"always"', "name of its own"]),
        ('[[sla.policies]]\nname = "a"\nfirst_response = "0s"', ["first_response", "longer than 0s"]),
        ('[[sla.rules]]\npolicy = "a"\nseverity = "grave"', ["severity", "'urgent'"]),
        ("[[sla.policies]]", ["sla.policies[1].name", "missing"]),
    ],
)
def test_promises_that_refer_to_nothing(tmp_path: Path, text: str, words: list[str]) -> None:
    said = refused(tmp_path, text)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    "text",
    [
        f'[[sources]]\ntype = "x"\nbrand = "b"\nhandle = "h"\nbearer_token = "{SECRET}"',
        f'[[sources]]\ntype = "{SECRET}"',
        f'[[sources]]\ntype = "x"\nbrand = "b"\nhandle = "h"\ninterval = "{SECRET}"',
        f'[[alerts.channels]]\ntype = "apprise"\nname = "chat"\nurl_env = "slack://{SECRET}"',
        f'[[alerts.channels]]\ntype = "apprise"\nname = "chat"\nurl = "slack://{SECRET}"',
        f'[[alerts.channels]]\ntype = "webhook"\nname = "w"\nurl = "https://e"\nsecret_env = "{SECRET}"',
        f'[[alerts.channels]]\ntype = "webhook"\nname = "w"\nurl = "https://e.example"\nsecret = "{SECRET}"',
        f'[alerts]\nkinds = ["{SECRET}"]',
        f'[triage]\nopen_every_thread = "{SECRET}"',
        f'[classifier]\ncomplaint_threshold = "{SECRET}"',
        f'token = "{SECRET}"',
        f'store = "{SECRET}',
        f"store = {SECRET}",
    ],
)
def test_a_secret_in_a_wrong_place_is_not_repeated(tmp_path: Path, text: str) -> None:
    said = refused(tmp_path, text)
    assert "hushhush" not in said


def test_a_secret_of_capitals_is_taken_for_a_name_and_still_not_shown_whole(tmp_path: Path) -> None:
    """What looks like a variable's name is one; a webhook's secret never does, for its prefix is small."""
    said = refused(
        tmp_path,
        '[[alerts.channels]]\ntype = "webhook"\nname = "w"\nurl = "https://e.example"\n'
        'secret_env = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"',
    )
    assert "MfKQ9r8" not in said
    assert "ANSWERBACK_OPS_SECRET" in said


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("stor = 1", "store, sources, triage"),
        ("[sla]\nx = 1", "calendars, policies, rules"),
        ('[[sla.policies]]\nname = "a"\nx = 1', "name, calendar, first_response"),
        ('[[sources]]\ntype = "replay"\npath = "p"\nx = 1', "type, name, path, speed, live_from"),
        ('[[alerts.channels]]\ntype = "apprise"\nname = "n"\nurl_env = "U"\nx = 1', "type, name, url_env"),
        ("[desk]\nx = 1", "theme"),
        ("[replies]\nx = 1", "undo"),
    ],
)
def test_an_unknown_key_names_those_that_are_known(tmp_path: Path, text: str, allowed: str) -> None:
    said = refused(tmp_path, text)
    assert "unknown key" in said
    assert f"allowed here: {allowed}" in said


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path, 'stor = 1\n[triage]\nsevere_negative = 2\n[replies]\nundo = "soon"')
    assert len(said.splitlines()) == 3


@pytest.mark.parametrize(
    "second", ['type = "x"\nbrand = "b"\nhandle = "i"', 'type = "replay"\nname = "x"\npath = "p"']
)
def test_two_sources_of_one_name_would_share_a_cursor(tmp_path: Path, second: str) -> None:
    said = refused(tmp_path, f'[[sources]]\ntype = "x"\nbrand = "b"\nhandle = "h"\n[[sources]]\n{second}')
    assert 'two sources are called "x"' in said


def test_two_channels_of_one_name(tmp_path: Path) -> None:
    one = '[[alerts.channels]]\ntype = "apprise"\nname = "chat"\nurl_env = "U"\n'
    assert 'two alerts.channels are called "chat"' in refused(tmp_path, one * 2)


def test_an_empty_file_is_a_config_and_so_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(tmp_path, "").triage == Config().triage
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").unlink()
    assert load_config(None) == Config()


def test_the_folders_own_config_is_read_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text('store = "mine.db"')
    monkeypatch.chdir(tmp_path)
    assert load_config(None).store == Path("mine.db")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        'store = "a.db"\n[classifier]\nweights = "w"\n[[sources]]\ntype = "replay"\npath = "day.jsonl"\n'
        '[[sources]]\ntype = "replay"\nname = "b"\npath = "/else/where.jsonl"',
    )
    assert config.store == tmp_path / "a.db"
    assert config.classifier.weights == tmp_path / "w"
    paths = [source.path for source in config.sources if isinstance(source, ReplaySettings)]
    assert paths == [tmp_path / "day.jsonl", Path("/else/where.jsonl")]


def test_sources(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        '[[sources]]\ntype = "x"\nbrand = "Fernway"\nhandle = "FernwayHelp"\ninterval = "2m"\n'
        '[[sources]]\ntype = "replay"\npath = "p"\nspeed = 10\nlive_from = 2026-03-10T14:00:00+01:00',
    )
    x, replay = config.sources
    assert isinstance(x, XSettings)
    assert (x.name, x.interval) == ("x", timedelta(minutes=2))
    assert isinstance(replay, ReplaySettings)
    assert replay.live_from == datetime(2026, 3, 10, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("live_from = 2026-03-10T14:00:00", "timezone"),
        ("live_from = 2026-03-10", "timezone"),
        ("speed = 0", "greater than 0"),
        ("speed = inf", "finite"),
        ("speed = nan", "speed"),
    ],
)
def test_a_replay_that_cannot_run(tmp_path: Path, key: str, word: str) -> None:
    assert word in refused(tmp_path, f'[[sources]]\ntype = "replay"\npath = "p"\n{key}')


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no config file .*answerback init"):
        load_config(tmp_path / "gone.toml")
    with pytest.raises(ConfigError, match=r"Cannot read .*: Is a directory"):
        load_config(tmp_path)
    (tmp_path / "latin.toml").write_bytes('store = "für.db"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.toml is not UTF-8 \(byte 10\)"):
        load_config(tmp_path / "latin.toml")
    (tmp_path / "broken.toml").write_text("a = 1\nb = = 2\n")
    with pytest.raises(ConfigError, match=r"broken\.toml is not valid TOML: .*line 2"):
        load_config(tmp_path / "broken.toml")


def test_a_mistake_in_a_listening_query_is_pointed_at(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[[sources]]\ntype = "x"\nbrand = "b"\nhandle = "h"\nlisten = "fernway AND (late OR"',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match=r"sources\[1\]\.listen: line 1, column 21: expected") as error:
        load_config(path)
    assert str(error.value).splitlines()[-1].strip() == "^"


def test_allies_and_folding(tmp_path: Path) -> None:
    text = '[triage]\nallies = ["x:@Fernway_Dev", "mastodon:@agency@social.example"]\nfold_within = "0s"'
    policy = make_rules(load(tmp_path, text)).triage
    assert policy.allies == {Ally("x", "fernway_dev"), Ally("mastodon", "agency@social.example")}
    assert policy.fold_within == timedelta(0)


@pytest.mark.parametrize("name", ["@fernway_dev", "x:", "x:@", "twitter:@fernway_dev", f"{SECRET}:@x"])
def test_an_ally_without_a_platform_would_match_nobody(tmp_path: Path, name: str) -> None:
    said = refused(tmp_path, f'[triage]\nallies = ["{name}"]')
    assert "triage.allies[1]" in said
    assert SECRET not in said


def test_how_long_a_source_may_be_silent(tmp_path: Path) -> None:
    assert load(tmp_path, '[alerts]\nsilent_after = "20m"').alerts.silent_after == timedelta(minutes=20)
    assert "silent_after" in refused(tmp_path, '[alerts]\nsilent_after = "0s"')
