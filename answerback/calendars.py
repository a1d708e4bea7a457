"""Business calendars from their settings, with the public holidays of the `holidays` package."""

from __future__ import annotations

from datetime import date

from answerback.config import CalendarSettings, ConfigError
from desk.model.calendar import BusinessCalendar

_YEARS = range(2010, 2041)


def make_calendar(settings: CalendarSettings) -> BusinessCalendar:
    """Raises ConfigError for an unknown country or region."""
    closed = {*_public_holidays(settings), *settings.closed_on}
    return BusinessCalendar(settings.name, settings.timezone, settings.week, frozenset(closed))


def _public_holidays(settings: CalendarSettings) -> set[date]:
    if settings.holidays is None:
        return set()
    import holidays  # noqa: PLC0415  (the desk has no need of it)

    country, _, region = settings.holidays.partition("-")
    try:
        known = holidays.country_holidays(country, subdiv=region or None, years=_YEARS)
    except NotImplementedError:
        raise ConfigError(
            f'sla.calendars "{settings.name}": holidays of "{settings.holidays}" are not known; '
            'use a country such as "DE", or a country and region such as "DE-BY".'
        ) from None
    return set(known)
