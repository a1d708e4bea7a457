"""A source that gives nothing, not even "nothing new", is said once."""

from __future__ import annotations

from datetime import timedelta

from desk import deliveries, watch
from desk.errors import DeliveryError
from desk.model.alert import AlertKind, DeliveryState, SourceNotice
from desk.store import alerts, sources
from desk.store.health_view import beat, troubles
from desk.store.sources import SourceStatus
from tests.kernel import NOON, Desk, FakeChannel, after, post

RULES = watch.AlertRules()
MINUTELY = {"test": 60.0}


def listen(desk: Desk, minutes: float, *, begin: float = 0, intervals: dict[str, float] | None = None) -> int:
    """Let a process listen without a break, sweeping each half minute; how many alerts it raised."""
    raised, minute = 0, begin
    while minute <= minutes:
        beat(desk.store, after(minute), MINUTELY if intervals is None else intervals)
        raised += watch.raise_silences(desk.store, RULES, ["chat"], after(minute))
        minute += 0.5
    return raised


def failed(desk: Desk, error: str, minute: float, *, permanent: bool = False) -> None:
    since = after(minute) if permanent else None
    with desk.store.write() as db:
        sources.save_failure(db, SourceStatus("test", "backing_off", None, error, permanent_since=since))


def raised_at(desk: Desk) -> list[tuple[str, float]]:
    """Source and minute of every alert, oldest first."""
    with desk.store.read() as db:
        found = [d.alert for state in DeliveryState for d in alerts.in_state(db, state)]
    return [(str(a.subject), (a.at - NOON).total_seconds() / 60) for a in sorted(found, key=lambda a: a.id)]


def test_a_source_that_gives_nothing_for_five_intervals_is_said_once(desk: Desk) -> None:
    desk.record(now=NOON)
    assert listen(desk, 4.5) == 0
    assert listen(desk, 60, begin=5) == 1
    assert raised_at(desk) == [("test", 5.0)]


def test_a_slow_source_is_given_its_own_time(desk: Desk) -> None:
    desk.record(now=NOON)
    slow = {"test": 600.0}
    assert listen(desk, 49.5, intervals=slow) == 0
    assert listen(desk, 50, begin=50, intervals=slow) == 1


def test_the_operators_patience_counts_where_it_is_longer(desk: Desk) -> None:
    desk.record(now=NOON)
    patient = watch.AlertRules(silent_after=timedelta(minutes=30))
    for minute in range(40):
        beat(desk.store, after(minute), MINUTELY)
        assert watch.raise_silences(desk.store, patient, ["chat"], after(minute)) == (minute == 30)


def test_quiet_is_not_silent(desk: Desk) -> None:
    """Fetches without posts are successes."""
    for minute in range(30):
        desk.record(now=after(minute))
        beat(desk.store, after(minute), MINUTELY)
        assert watch.raise_silences(desk.store, RULES, ["chat"], after(minute)) == 0


def test_a_source_that_never_succeeded_is_said_too(desk: Desk) -> None:
    assert listen(desk, 4.5) == 0
    failed(desk, "503", 4)
    assert listen(desk, 30, begin=5) == 1


def test_the_time_in_which_nobody_listened_is_nobodys_silence(desk: Desk) -> None:
    desk.record(now=NOON)
    listen(desk, 1)
    monday = 3 * 24 * 60
    assert listen(desk, monday + 4.5, begin=monday) == 0
    assert listen(desk, monday + 10, begin=monday + 5) == 1
    assert raised_at(desk) == [("test", monday + 5.0)]


def test_a_run_that_is_started_again_and_again_does_not_hide_a_silence(desk: Desk) -> None:
    """A restart within the beat of the last one goes on counting."""
    desk.record(now=NOON)
    assert listen(desk, 2) + listen(desk, 4, begin=3) + listen(desk, 7, begin=5) == 1


def test_a_refusal_for_good_is_said_at_once(desk: Desk) -> None:
    desk.record(now=NOON)
    listen(desk, 0.5)
    failed(desk, "401", 1, permanent=True)
    assert listen(desk, 1, begin=1) == 1
    failed(desk, "401", 16, permanent=True)
    assert listen(desk, 60, begin=1.5) == 0, "the same silence"
    assert raised_at(desk) == [("test", 1.0)]


def test_a_source_that_came_back_and_falls_silent_again_is_said_again(desk: Desk) -> None:
    desk.record(now=NOON)
    assert listen(desk, 9.5) == 1
    desk.record(now=after(9.6))
    assert listen(desk, 14, begin=10) == 0
    assert listen(desk, 20, begin=14.5) == 1


def test_a_source_that_nobody_reads_any_more_is_no_alarm(desk: Desk) -> None:
    desk.record(now=NOON)
    listen(desk, 1)
    assert listen(desk, 60, begin=1.5, intervals={"other": 9_999.0}) == 0
    assert troubles(desk.store, after(60)) == ()


def test_kinds_that_nobody_wants_are_not_raised(desk: Desk) -> None:
    rules = watch.AlertRules(kinds=frozenset({AlertKind.BREACH}))
    for minute in (0, 1, 2, 3, 4, 5, 6):
        beat(desk.store, after(minute), MINUTELY)
        assert watch.raise_silences(desk.store, rules, ["chat"], after(minute)) == 0


# Delivery


def test_the_notice_says_since_when_and_why(desk: Desk) -> None:
    desk.record(now=NOON)
    listen(desk, 0.5)
    failed(desk, "401: check the token", 1, permanent=True)
    listen(desk, 1, begin=1)
    chat = FakeChannel()
    assert deliveries.deliver_due(desk.store, {"chat": chat}, after(1)) == 1
    (notice,) = chat.took
    assert isinstance(notice, SourceNotice)
    assert (notice.source, notice.last_success_at, notice.at) == ("test", NOON, after(1))
    assert (notice.error, notice.permanent, notice.state) == ("401: check the token", True, "backing_off")
    assert notice.message_id == "alert-1-chat"


def test_a_source_that_is_back_before_anybody_heard_is_not_mentioned(desk: Desk) -> None:
    desk.record(now=NOON)
    listen(desk, 6)
    desk.record(now=after(6.5))
    chat = FakeChannel()
    assert deliveries.deliver_due(desk.store, {"chat": chat}, after(7)) == 0
    assert chat.tries == 0
    with desk.store.read() as db:
        assert len(alerts.in_state(db, DeliveryState.MOOT)) == 1


def test_an_alert_that_no_chat_takes_is_tried_again_and_kept(desk: Desk) -> None:
    desk.record(now=NOON)
    listen(desk, 6)
    chat = FakeChannel("chat", DeliveryError("503"), DeliveryError("gone", permanent=True))
    deliveries.deliver_due(desk.store, {"chat": chat}, after(6))
    assert deliveries.deliver_due(desk.store, {"chat": chat}, after(7)) == 0
    with desk.store.read() as db:
        (dead,) = alerts.in_state(db, DeliveryState.DEAD)
    assert (dead.alert.subject, dead.attempts, dead.last_error) == ("test", 2, "gone")
    assert deliveries.retry_dead(desk.store, after(8)) == 1
    assert deliveries.deliver_due(desk.store, {"chat": chat}, after(8)) == 1


# On the desk


def test_a_source_that_hangs_is_a_trouble_on_the_desk(desk: Desk) -> None:
    desk.take(post("1"), now=NOON)
    listen(desk, 4.5)
    assert troubles(desk.store, after(4.5)) == ()
    listen(desk, 6, begin=5)
    assert troubles(desk.store, after(6)) == ("test fell silent",)


def test_desks_are_as_patient_as_the_run_beside_them(desk: Desk) -> None:
    desk.record(now=NOON)
    for minute in range(31):
        beat(desk.store, after(minute), MINUTELY, timedelta(minutes=30))
        assert troubles(desk.store, after(minute)) == (("test fell silent",) if minute == 30 else ())


def test_a_failing_source_that_was_taken_out_of_the_config_is_no_trouble(desk: Desk) -> None:
    listen(desk, 1)
    failed(desk, "503", 1)
    assert troubles(desk.store, after(1)) == ("test cannot be read",)
    listen(desk, 10, begin=1.5, intervals={})
    assert troubles(desk.store, after(10)) == ()
