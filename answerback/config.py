"""config.toml: what it may say, and how a mistake in it is told."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from answerback.config_classifier import BrandSettings, ClassifierSettings, ReasonSettings
from answerback.config_values import AllyName, Hours, Probability, Variable, Zone
from desk.errors import DeskError
from desk.model.alert import AlertKind
from desk.model.calendar import ALWAYS_OPEN, Interval
from desk.model.health import SILENT_AFTER
from listener import platforms
from listener.platform import NamedSettings
from listener.values import Duration, Target

DEFAULT_PATH = Path("config.toml")
ALWAYS = ALWAYS_OPEN.name


class ConfigError(DeskError):
    """config.toml cannot be used; the message names the file, the key and what is allowed."""


def _unique(what: str, names: Iterable[str]) -> None:
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        raise ValueError(f'two {what} are called "{again[0]}"; give each a name of its own')


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _source(value: Any) -> NamedSettings:
    """Settings of the platform that `type` names; only those platforms are loaded that a config uses."""
    if isinstance(value, NamedSettings):
        return value
    if not isinstance(value, dict):
        raise PydanticCustomError("model_type", "must be a table")
    kind = value.get("type")
    if kind is None:
        raise PydanticCustomError("union_tag_not_found", "type is missing")
    try:
        platform = platforms.load(kind)
    except (LookupError, TypeError):
        known = ", ".join(f"'{name}'" for name in platforms.names())
        raise PydanticCustomError("union_tag_invalid", "unknown type", {"expected_tags": known}) from None
    return platform.settings.model_validate(value)


Source = Annotated[NamedSettings, PlainValidator(_source)]


class TriageSettings(_Section):
    open_every_thread: bool = False
    open_needs_look: bool = True
    reopen_within: Duration = timedelta(days=14)
    urgent_terms: tuple[Annotated[str, Field(min_length=2)], ...] = ()
    severe_negative: Probability = 0.9
    severe_anger: Probability = 0.9
    allies: tuple[AllyName, ...] = ()
    """Accounts that speak for the brand, as "x:@fernway_dev": what they write opens no case."""
    fold_within: Duration = timedelta(days=7)
    """A copy of a post at most so much older is counted in that post's case; "0s" folds nothing."""


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

    @property
    def week(self) -> tuple[tuple[Interval, ...], ...]:
        """Monday first."""
        return (
            self.monday,
            self.tuesday,
            self.wednesday,
            self.thursday,
            self.friday,
            self.saturday,
            self.sunday,
        )

    @model_validator(mode="after")
    def _has_hours(self) -> Self:
        if not any(self.week):
            raise ValueError(
                'has no working hours; give at least one day some, such as monday = ["09:00-17:00"]'
            )
        return self


class PolicySettings(_Section):
    name: str
    calendar: str = "always"
    first_response: Target | None = None
    next_response: Target | None = None
    resolution: Target | None = None


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

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        _unique("sla.calendars", (ALWAYS, *(calendar.name for calendar in self.calendars)))
        _unique("sla.policies", (policy.name for policy in self.policies))
        calendars = [ALWAYS, *(calendar.name for calendar in self.calendars)]
        policies = [policy.name for policy in self.policies]
        for policy in self.policies:
            if policy.calendar not in calendars:
                raise ValueError(
                    f'policy "{policy.name}": there is no calendar "{policy.calendar}"; '
                    f"known: {', '.join(calendars)}"
                )
        for number, rule in enumerate(self.rules, start=1):
            if rule.policy not in policies:
                raise ValueError(
                    f'rules[{number}]: there is no policy "{rule.policy}"; '
                    f"known: {', '.join(policies) or 'none'}"
                )
        return self


class AppriseSettings(_Section):
    """A chat, by an apprise URL that is read from the environment, because it holds a token."""

    type: Literal["apprise"]
    name: str
    url_env: Variable


class WebhookSettings(_Section):
    """A signed webhook (Standard Webhooks)."""

    type: Literal["webhook"]
    name: str
    url: str
    secret_env: Variable
    """Environment variable with one or, while a secret rotates, several `whsec_…` separated by spaces."""
    allow_private_addresses: bool = False


ChannelSettings = Annotated[AppriseSettings | WebhookSettings, Field(discriminator="type")]


class AlertSettings(_Section):
    kinds: frozenset[AlertKind] = frozenset(AlertKind)
    ahead: Duration = timedelta(minutes=15)
    silent_after: Target = SILENT_AFTER
    """A source without a success for so long, and for five of its intervals, is silent."""
    channels: tuple[ChannelSettings, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        _unique("alerts.channels", (channel.name for channel in self.channels))
        return self


class ReplySettings(_Section):
    undo: Duration = timedelta(seconds=6)


class DeskSettings(_Section):
    theme: str | None = None


class Config(_Section):
    """The whole file. Every key has a default, so an empty file is a valid one."""

    store: Path = Path("answerback.db")
    sources: tuple[Source, ...] = ()
    triage: TriageSettings = TriageSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    sla: SlaSettings = SlaSettings()
    alerts: AlertSettings = AlertSettings()
    replies: ReplySettings = ReplySettings()
    desk: DeskSettings = DeskSettings()

    @field_validator("sources")
    @classmethod
    def _names_differ(cls, sources: tuple[NamedSettings, ...]) -> tuple[NamedSettings, ...]:
        # A cursor is kept under its source's name: two of one name would skip each other's posts.
        _unique("sources", (source.name for source in sources))
        return sources


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
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(path, data, error))) from None
    return _anchored(config, path)


def _anchored(config: Config, file: Path) -> Config:
    """Relative paths mean the config file's folder, wherever the command is run from."""
    folder = file.parent
    return config.model_copy(
        update={
            "store": folder / config.store,
            "sources": tuple(source.anchored(folder) for source in config.sources),
            "classifier": config.classifier.anchored(file),
        }
    )


def _sentences(path: Path, data: dict[str, Any], error: ValidationError) -> list[str]:
    """One line a mistake, without repeating values: one of them might be a secret in the wrong place."""
    lines = []
    for mistake in error.errors(include_url=False, include_context=True, include_input=False):
        # pydantic names the branch of a tagged union inside the key; a person never wrote it.
        parts = [p for p in mistake["loc"] if p not in {"apprise", "webhook"}]
        key = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")
        if mistake["type"] == "extra_forbidden":
            allowed = ", ".join(_allowed_beside(mistake["loc"], data))
            lines.append(f"{path}: unknown key {key}; allowed here: {allowed}.")
        else:
            said = mistake["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            if mistake["type"] in _SAID:
                said = _SAID[mistake["type"]].format_map(mistake.get("ctx", {}))
            # A message that ends in a picture, a caret under a query, takes no full stop.
            said = said if "\n" in said else f"{said}."
            lines.append(f"{path}: {key}: {said}" if key else f"{path}: {said}")
    return lines


_SAID = {
    "missing": "this key is missing",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "model_type": "must be a table",
    "union_tag_not_found": "the key type is missing; it says which kind this is",
    "union_tag_invalid": "type must be one of {expected_tags}",
    "timezone_aware": "must have its timezone, such as 2026-03-10T13:00:00Z",
}
"""Where pydantic's own words are for programmers, or repeat a value."""

_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Config,
    ("triage",): TriageSettings,
    ("classifier",): ClassifierSettings,
    ("classifier", "brands"): BrandSettings,
    ("classifier", "reasons"): ReasonSettings,
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


def _allowed_beside(place: Sequence[int | str], data: dict[str, Any]) -> list[str]:
    match place:
        case ["sources", int(number), _]:
            section: type[BaseModel] = platforms.load(data["sources"][number]["type"]).settings
        case _:
            names = tuple(part for part in place[:-1] if isinstance(part, str))
            section = _SECTIONS.get(names, Config)
    return list(section.model_fields)
