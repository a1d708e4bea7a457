"""config.toml: what it may say, and how a mistake in it is told."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from desk.errors import DeskError
from desk.model.alert import AlertKind

DEFAULT_PATH = Path("config.toml")


class ConfigError(DeskError):
    """config.toml cannot be used; the message names the file, the key and what is allowed."""


_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_PART = re.compile(r"(\d+)\s*([smhd])")


def parse_duration(value: object) -> timedelta:
    """Read "45m", "1h 30m" or "3d"; raises ValueError."""
    text = str(value).strip().lower()
    if not re.fullmatch(rf"(?:{_PART.pattern}\s*)+", text):
        raise ValueError('expected a duration such as "45m", "1h 30m" or "3d"')
    return timedelta(seconds=sum(int(n) * _UNITS[unit] for n, unit in _PART.findall(text)))


def _parse_hours(value: object) -> object:
    match = re.fullmatch(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)", str(value).strip())
    if match is None:
        raise ValueError('expected working hours such as "09:00-17:30"')
    begin_hour, begin_minute, end_hour, end_minute = map(int, match.groups())
    return time(begin_hour, begin_minute), time(end_hour % 24, end_minute)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'"{name}" is no timezone; use a name such as "Europe/Berlin"') from None
    return name


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Hours = Annotated[tuple[time, time], BeforeValidator(_parse_hours)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReplaySettings(_Section):
    """Posts from a file, as if they happened now."""

    type: Literal["replay"]
    name: str | None = None
    path: Path
    speed: Annotated[float, Field(gt=0)] = 1.0
    live_from: datetime | None = None
    """The time in the file that falls on the start: what is before it comes at once."""


class XSettings(_Section):
    """One brand's account on X. Its secrets come from the environment, see `answerback doctor`."""

    type: Literal["x"]
    name: str = "x"
    brand: str
    handle: str
    """The account's handle, without @."""
    user_id: str | None = None
    """The account's numeric id; looked up where it is missing."""
    query: str | None = None
    """Recent search, in X's query syntax; without it only mentions and the own timeline are read."""
    interval: Duration = timedelta(seconds=60)
    base_url: str | None = None
    """Another address of the API, for tests and proxies."""


SourceSettings = Annotated[ReplaySettings | XSettings, Field(discriminator="type")]


class TriageSettings(_Section):
    open_every_thread: bool = False
    open_needs_look: bool = True
    reopen_within: Duration = timedelta(days=14)
    urgent_terms: tuple[str, ...] = ()
    severe_negative: Probability = 0.9


class ClassifierSettings(_Section):
    weights: Path | None = None
    complaint_threshold: Probability | None = None
    look_threshold: Probability | None = None


class CalendarSettings(_Section):
    name: str
    timezone: Zone = "UTC"
    monday: tuple[Hours, ...] = ()
    tuesday: tuple[Hours, ...] = ()
    wednesday: tuple[Hours, ...] = ()
    thursday: tuple[Hours, ...] = ()
    friday: tuple[Hours, ...] = ()
    saturday: tuple[Hours, ...] = ()
    sunday: tuple[Hours, ...] = ()
    holidays: str | None = None
    """A country, or country and region, of the `holidays` package: "DE", "DE-BY"."""
    closed_on: tuple[date, ...] = ()


class PolicySettings(_Section):
    name: str
    calendar: str = "always"
    first_response: Duration | None = None
    next_response: Duration | None = None
    resolution: Duration | None = None


class RuleSettings(_Section):
    policy: str
    brand: str | None = None
    source: str | None = None
    severity: Literal["low", "normal", "high", "urgent"] | None = None
    language: str | None = None


class SlaSettings(_Section):
    calendars: tuple[CalendarSettings, ...] = ()
    policies: tuple[PolicySettings, ...] = ()
    rules: tuple[RuleSettings, ...] = ()


class AppriseSettings(_Section):
    """A chat, by an apprise URL that is read from the environment, because it holds a token."""

    type: Literal["apprise"]
    name: str
    url_env: str


class WebhookSettings(_Section):
    """A signed webhook (Standard Webhooks)."""

    type: Literal["webhook"]
    name: str
    url: str
    secret_env: str
    """Environment variable with one or, while a secret rotates, several `whsec_…` separated by spaces."""
    allow_private_addresses: bool = False


ChannelSettings = Annotated[AppriseSettings | WebhookSettings, Field(discriminator="type")]


class AlertSettings(_Section):
    kinds: frozenset[AlertKind] = frozenset(AlertKind)
    ahead: Duration = timedelta(minutes=15)
    channels: tuple[ChannelSettings, ...] = ()


class ReplySettings(_Section):
    undo: Duration = timedelta(seconds=6)


class DeskSettings(_Section):
    theme: str | None = None


class Config(_Section):
    """The whole file. Every key has a default, so an empty file is a valid one."""

    store: Path = Path("answerback.db")
    sources: tuple[SourceSettings, ...] = ()
    triage: TriageSettings = TriageSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    sla: SlaSettings = SlaSettings()
    alerts: AlertSettings = AlertSettings()
    replies: ReplySettings = ReplySettings()
    desk: DeskSettings = DeskSettings()


def load_config(path: Path | None) -> Config:
    """Read a config file; None reads ./config.toml where there is one, and the defaults otherwise.

    Paths in the file are relative to its folder. Raises ConfigError.
    """
    if path is None:
        if not DEFAULT_PATH.exists():
            return Config()
        path = DEFAULT_PATH
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"There is no config file {path}. Write one with `answerback init`.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {path}: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(path, error))) from None
    return _anchored(config, path.parent)


def _anchored(config: Config, folder: Path) -> Config:
    """Relative paths mean the config file's folder, wherever the command is run from."""
    sources = tuple(
        source.model_copy(update={"path": folder / source.path})
        if isinstance(source, ReplaySettings)
        else source
        for source in config.sources
    )
    classifier = config.classifier
    if classifier.weights is not None:
        classifier = classifier.model_copy(update={"weights": folder / classifier.weights})
    return config.model_copy(
        update={"store": folder / config.store, "sources": sources, "classifier": classifier}
    )


def _sentences(path: Path, error: ValidationError) -> list[str]:
    """One line a mistake, without repeating values: one of them might be a secret in the wrong place."""
    lines = []
    for mistake in error.errors(include_url=False, include_context=True, include_input=False):
        # pydantic names the branch of a tagged union inside the key; a person never wrote it.
        parts = [p for p in mistake["loc"] if p not in {"replay", "x", "apprise", "webhook"}]
        key = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")
        if mistake["type"] == "extra_forbidden":
            allowed = ", ".join(_allowed_beside([p for p in mistake["loc"] if isinstance(p, str)]))
            lines.append(f"{path}: unknown key {key}; allowed here: {allowed}.")
        else:
            lines.append(f"{path}: {key}: {mistake['msg'].removeprefix('Value error, ')}.")
    return lines


_SECTIONS: dict[tuple[str, ...], type[_Section]] = {
    (): Config,
    ("sources", "replay"): ReplaySettings,
    ("sources", "x"): XSettings,
    ("triage",): TriageSettings,
    ("classifier",): ClassifierSettings,
    ("sla",): SlaSettings,
    ("sla", "calendars"): CalendarSettings,
    ("sla", "policies"): PolicySettings,
    ("sla", "rules"): RuleSettings,
    ("alerts",): AlertSettings,
    ("alerts", "channels", "apprise"): AppriseSettings,
    ("alerts", "channels", "webhook"): WebhookSettings,
    ("replies",): ReplySettings,
    ("desk",): DeskSettings,
}


def _allowed_beside(names: list[str]) -> list[str]:
    section = _SECTIONS.get(tuple(names[:-1]), Config)
    return list(section.model_fields)
