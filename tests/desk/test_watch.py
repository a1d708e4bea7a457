"""Watching the clocks: what a team must not miss is said once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from desk import casework, deliveries, watch
from desk.errors import DeliveryError
from desk.model.alert import Alert, AlertKind, Delivery, DeliveryState, Notice
from desk.model.case import CaseId, CaseState, Severity
from desk.model.event import EventKind
from desk.model.sla import Clock, PolicyRule, SlaPolicy
from desk.store import Store, alerts
from desk.store.columns import to_ms
from desk.triage import Rules, TriagePolicy
from tests.kernel import NOON, WEEKDAYS_9_TO_17, Desk, FakeChannel, FakeSender, after, brand_post, post, utc

ONE = CaseId(1)
RULES = watch.AlertRules()
BREACH, AHEAD, URGENT = AlertKind.BREACH, AlertKind.BREACH_AHEAD, AlertKind.URGENT


def sweep(desk: Desk, minute: float, rules: watch.AlertRules = RULES) -> int:
    return watch.raise_alerts(desk.store, rules, ["chat"], after(minute))


def raised(desk: Desk) -> list[tuple[AlertKind, int, object]]:
    with desk.store.read() as db:
        rows = db.execute("SELECT kind, case_id, at FROM alerts ORDER BY id").fetchall()
        return [(AlertKind(kind), case, (at - to_ms(NOON)) / 60_000) for kind, case, at in rows]


def waiting(desk: Desk, state: DeliveryState = DeliveryState.PENDING) -> list[Delivery]:
    with desk.store.read() as db:
        return alerts.in_state(db, state)


def deliver(desk: Desk, channel: FakeChannel, minute: float) -> int:
    return deliveries.deliver_due(desk.store, {channel.name: channel}, after(minute))


def test_nothing_is_said_before_it_is_true(desk: Desk) -> None:
    desk.take(post("1"))
    assert sweep(desk, 44.9) == 0


def test_a_breach_is_announced_and_then_raised_each_once(desk: Desk) -> None:
    desk.take(post("1"))
    assert [sweep(desk, minute) for minute in (1, 45, 46, 59, 60, 61, 600)] == [0, 1, 0, 0, 1, 0, 0]
    assert raised(desk) == [(AHEAD, 1, 45.0), (BREACH, 1, 60.0)]


def test_a_breach_between_two_sweeps_is_found_with_its_own_time(desk: Desk) -> None:
    """Case 32: due at 60, answered at 70, swept at 1 and at 300."""
    desk.take(post("1"))
    sweep(desk, 1)
    desk.answer(FakeSender(), now=after(70))
    sweep(desk, 300)
    assert (BREACH, 1, 60.0) in raised(desk)


def test_a_breach_nobody_touches_is_found_however_late(desk: Desk) -> None:
    desk.take(post("1"))
    sweep(desk, 1)
    sweep(desk, 10_000)
    assert (BREACH, 1, 60.0) in raised(desk)


def test_an_answer_in_time_is_no_breach_however_late_the_sweep(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(60))
    sweep(desk, 600)
    assert BREACH not in {kind for kind, _, _ in raised(desk)}


@pytest.mark.parametrize("minutes", [[60], [1, 60], [50, 60], [59.99, 60], [60, 60]])
def test_the_rhythm_of_the_sweeps_does_not_matter(desk: Desk, minutes: list[float]) -> None:
    desk.take(post("1"))
    for minute in minutes:
        sweep(desk, minute)
    assert raised(desk) == [(AHEAD, 1, 45.0), (BREACH, 1, 60.0)]


def test_two_sweepers_at_once_raise_one(desk: Desk) -> None:
    """Case 32."""
    for number in range(1, 21):
        desk.take(post(str(number), thread=f"t{number}", by=f"u{number}"))
    stores = [Store(desk.store.path) for _ in range(3)]
    start, counts = threading.Barrier(3), []

    def work(store: Store) -> None:
        start.wait()
        counts.append(watch.raise_alerts(store, RULES, ["chat"], after(61)))

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [0, 0, 40]
    assert len(waiting(desk)) == 40
    for store in stores:
        store.close()


def test_the_next_response_breaches_anew(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(30))
    desk.take(post("2", "Hello?", after(100)))
    sweep(desk, 131)
    assert raised(desk) == [(AHEAD, 1, 115.0), (BREACH, 1, 130.0)]


def test_a_response_is_watched_although_the_resolution_is_overdue(desk: Desk) -> None:
    """The case's earliest due time lies in the past; the customer's new post is due all the same."""
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(hours=23))
    desk.take(post("2", "Hello?", after(hours=30)), post("3", "Anybody?", after(hours=50)))
    desk.answer(FakeSender(), now=after(hours=50.1))
    desk.take(post("4", "And now?", after(hours=60)))
    watch.raise_alerts(desk.store, RULES, ["chat"], after(hours=60))
    assert desk.case().due_clock is Clock.RESOLUTION
    watch.raise_alerts(desk.store, RULES, ["chat"], after(hours=61))
    with desk.store.read() as db:
        windows = [row[0] for row in db.execute("SELECT \"window\" FROM alerts WHERE kind = 'breach'")]
    assert f"next_response:{after(hours=60.5).isoformat()}" in windows


def test_a_warning_is_not_raised_for_what_was_answered_before_it(desk: Desk) -> None:
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(30))
    sweep(desk, 600)
    assert raised(desk) == []


def test_a_target_shorter_than_the_warning_warns_at_its_start(desk: Desk) -> None:
    desk.take(post("1"))
    sweep(desk, 0, watch.AlertRules(ahead=timedelta(hours=5)))
    assert raised(desk) == [(AHEAD, 1, 0.0)]


def test_kinds_that_nobody_wants_are_not_raised(desk: Desk) -> None:
    desk.take(post("1"))
    sweep(desk, 61, watch.AlertRules(kinds=frozenset({BREACH})))
    assert raised(desk) == [(BREACH, 1, 60.0)]


def test_an_urgent_case_is_said_at_once(desk: Desk) -> None:
    desk.rules = Rules(TriagePolicy(urgent_terms=("lawyer",)), desk.rules.sla)
    desk.take(post("1", "My lawyer will write"))
    sweep(desk, 0)
    sweep(desk, 1)
    assert raised(desk) == [(URGENT, 1, 0.0)]


def test_a_case_that_becomes_urgent_days_later_is_said_too(desk: Desk) -> None:
    """It became true when the severity changed, not when the case was opened."""
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(10))
    casework.set_severity(desk.store, ONE, agent="mia", severity=Severity.URGENT, now=after(days=3))
    watch.raise_alerts(desk.store, RULES, ["chat"], after(days=3, minutes=1))
    assert raised(desk) == [(URGENT, 1, 3 * 1440.0)]
    assert len(waiting(desk)) == 1


def test_what_is_long_past_is_recorded_and_bothers_nobody(desk: Desk) -> None:
    """Case 31: a backfill."""
    desk.take(post("1", seen=after(days=3)))
    watch.raise_alerts(desk.store, RULES, ["chat"], after(days=3))
    assert [kind for kind, _, _ in raised(desk)] == [AHEAD, BREACH]
    assert waiting(desk) == []


def test_a_dismissed_case_is_not_watched(desk: Desk) -> None:
    desk.take(post("1"))
    casework.dismiss(desk.store, ONE, agent="mia", reason="noise", now=after(1))
    sweep(desk, 600)
    assert raised(desk) == []


def test_a_snoozed_case_is_watched(desk: Desk) -> None:
    desk.take(post("1"))
    casework.snooze(desk.store, ONE, agent="mia", until=after(600), now=after(1))
    sweep(desk, 61)
    assert (BREACH, 1, 60.0) in raised(desk)


def test_snoozed_cases_come_back_when_their_time_has_come(desk: Desk) -> None:
    desk.take(post("1"), post("2", thread="t2"))
    casework.claim(desk.store, ONE, agent="mia", now=after(1))
    for number, minute in ((1, 60), (2, 90)):
        casework.snooze(desk.store, CaseId(number), agent="mia", until=after(minute), now=after(2))
    assert [watch.wake_due(desk.store, after(minute)) for minute in (59.9, 60, 61)] == [0, 1, 0]
    assert (desk.case(1).state, desk.case(2).state) == (CaseState.ASSIGNED, CaseState.SNOOZED)
    assert watch.wake_due(desk.store, after(900)) == 1
    assert desk.case(2).state is CaseState.NEW
    assert desk.log(2)[-1].kind is EventKind.WOKEN


# Delivery


@pytest.fixture
def breached(desk: Desk) -> Iterator[Desk]:
    desk.take(post("1", "My parcel never came <b>@everyone</b> " + "x" * 400))
    assert sweep(desk, 61, watch.AlertRules(kinds=frozenset({BREACH}))) == 1
    yield desk


def test_a_notice_has_what_a_receiver_needs_in_the_customers_own_words(breached: Desk) -> None:
    channel = FakeChannel()
    assert deliver(breached, channel, 61) == 1
    (notice,) = channel.took
    assert (notice.kind, notice.at, notice.due_at) == (BREACH, after(60), after(60))
    assert (notice.case_id, notice.brand, notice.source) == (1, "fernway", "bluesky")
    assert (notice.severity, notice.state, notice.assignee) == ("normal", "new", None)
    assert notice.customer == "@anna"
    assert notice.excerpt.startswith("My parcel never came <b>@everyone</b>")
    assert len(notice.excerpt) == 280
    assert deliver(breached, channel, 62) == 0
    assert channel.tries == 1


def test_a_notice_names_the_customer_as_their_platform_does(desk: Desk) -> None:
    desk.take(post("1", by="ana", source="reddit"))
    assert sweep(desk, 61, watch.AlertRules(kinds=frozenset({BREACH}))) == 1
    channel = FakeChannel()
    assert deliver(desk, channel, 61) == 1
    assert channel.took[0].customer == "u/ana"


def test_private_words_stay_on_the_desk(desk: Desk) -> None:
    desk.take(post("1", "My card is 4929 1234, and my parcel never came", private=True))
    assert sweep(desk, 61, watch.AlertRules(kinds=frozenset({BREACH}))) == 1
    channel = FakeChannel()
    assert deliver(desk, channel, 61) == 1
    (notice,) = channel.took
    assert (notice.excerpt, notice.private, notice.customer) == ("", True, "@anna")


def test_each_channel_gets_its_own(breached: Desk) -> None:
    breached.take(post("2", at=after(61), thread="t2"))
    watch.raise_alerts(
        breached.store, watch.AlertRules(kinds=frozenset({BREACH})), ["chat", "hook"], after(122)
    )
    chat, hook = FakeChannel("chat"), FakeChannel("hook")
    assert deliveries.deliver_due(breached.store, {"chat": chat, "hook": hook}, after(122)) == 3
    assert (len(chat.took), len(hook.took)) == (2, 1)
    assert len({notice.message_id for notice in (*chat.took, *hook.took)}) == 3


def test_a_channel_that_is_not_configured_here_keeps_waiting(breached: Desk) -> None:
    assert deliveries.deliver_due(breached.store, {}, after(61)) == 0
    assert len(waiting(breached)) == 1


def test_retries_follow_the_published_schedule_and_end_in_the_dead_letters(breached: Desk) -> None:
    channel = FakeChannel("chat", *[DeliveryError("503")] * 99)
    now, waits = after(61), []
    for _ in range(30):
        deliveries.deliver_due(breached.store, {"chat": channel}, now)
        pending = waiting(breached)
        if not pending:
            break
        waits.append((pending[0].next_attempt_at - now).total_seconds())
        just_before = pending[0].next_attempt_at - timedelta(milliseconds=1)
        tries = channel.tries
        deliveries.deliver_due(breached.store, {"chat": channel}, just_before)
        assert channel.tries == tries, "not before its time"
        now = pending[0].next_attempt_at
    assert len(waits) == len(deliveries.RETRY_SECONDS)
    for wait, planned in zip(waits, deliveries.RETRY_SECONDS, strict=True):
        assert planned <= wait <= planned * 1.1
    assert channel.tries == len(deliveries.RETRY_SECONDS) + 1
    (dead,) = waiting(breached, DeliveryState.DEAD)
    assert dead.last_error == "503"


def test_the_receivers_wish_to_wait_is_obeyed(breached: Desk) -> None:
    channel = FakeChannel("chat", DeliveryError("429", retry_after_seconds=3600))
    deliver(breached, channel, 61)
    assert waiting(breached)[0].next_attempt_at == after(121)
    assert deliver(breached, channel, 120) == 0
    assert deliver(breached, channel, 121) == 1


def test_the_receivers_wish_is_not_cut_to_the_millisecond(breached: Desk) -> None:
    channel = FakeChannel("chat", DeliveryError("429", retry_after_seconds=3600))
    asked = after(61) + timedelta(microseconds=700)
    deliveries.deliver_due(breached.store, {"chat": channel}, asked)
    early = asked + timedelta(seconds=3600, microseconds=-1)
    assert deliveries.deliver_due(breached.store, {"chat": channel}, early) == 0
    assert deliveries.deliver_due(breached.store, {"chat": channel}, early + timedelta(milliseconds=1)) == 1


def test_what_can_never_be_taken_is_a_dead_letter_at_once(breached: Desk) -> None:
    channel = FakeChannel("chat", DeliveryError("410 Gone", permanent=True))
    assert deliver(breached, channel, 61) == 0
    (dead,) = waiting(breached, DeliveryState.DEAD)
    assert (dead.last_error, dead.attempts) == ("410 Gone", 1)
    assert deliver(breached, channel, 10_000) == 0
    assert channel.tries == 1


def test_a_person_sends_the_dead_letters_again(breached: Desk) -> None:
    channel = FakeChannel("chat", DeliveryError("410 Gone", permanent=True))
    deliver(breached, channel, 61)
    assert deliveries.retry_dead(breached.store, after(200)) == 1
    assert deliveries.retry_dead(breached.store, after(200)) == 0
    assert deliver(breached, channel, 200) == 1
    assert waiting(breached, DeliveryState.DELIVERED)[0].attempts == 1
    assert (
        channel.took[0].message_id == f"alert-{waiting(breached, DeliveryState.DELIVERED)[0].alert.id}-chat"
    )


def test_every_attempt_has_the_same_message_id(breached: Desk) -> None:
    seen = []

    class Flaky(FakeChannel):
        def deliver(self, notice: Notice) -> None:
            seen.append(notice.message_id)
            super().deliver(notice)

    channel = Flaky("chat", DeliveryError("503"), DeliveryError("503"))
    for minute in (61, 62, 90):
        deliver(breached, channel, minute)
    assert len(seen) == 3 and len(set(seen)) == 1


def test_two_deliverers_at_once_deliver_once(desk: Desk) -> None:
    for number in range(1, 21):
        desk.take(post(str(number), thread=f"t{number}", by=f"u{number}"))
    sweep(desk, 61, watch.AlertRules(kinds=frozenset({BREACH})))
    channel = FakeChannel()
    stores = [Store(desk.store.path) for _ in range(3)]
    start, counts = threading.Barrier(3), []

    def work(store: Store) -> None:
        start.wait()
        for _ in range(20):  # a pass delivers a few
            counts.append(deliveries.deliver_due(store, {"chat": channel}, after(61)))

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 20
    assert sorted(notice.case_id for notice in channel.took) == list(range(1, 21))
    for store in stores:
        store.close()


def test_a_deliverer_that_died_is_replaced_after_its_lease(breached: Desk) -> None:
    class Dying(FakeChannel):
        def deliver(self, notice: Notice) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(breached, Dying(), 61)
    channel = FakeChannel()
    assert deliver(breached, channel, 62.9) == 0
    assert deliver(breached, channel, 63.1) == 1


def test_a_warning_that_an_answer_has_overtaken_is_not_sent(desk: Desk) -> None:
    desk.take(post("1"))
    sweep(desk, 50)
    desk.take(brand_post("9", at=after(51), reply_to="1"))
    channel = FakeChannel()
    assert deliver(desk, channel, 52) == 0
    assert channel.tries == 0
    assert len(waiting(desk, DeliveryState.MOOT)) == 1


def test_a_breach_is_said_although_it_was_answered_meanwhile(breached: Desk) -> None:
    breached.take(brand_post("9", at=after(62), reply_to="1"))
    channel = FakeChannel()
    assert deliver(breached, channel, 63) == 1
    assert channel.took[0].state == "waiting"


def test_deleted_words_are_not_quoted(breached: Desk) -> None:
    breached.record(deleted=["bluesky:1"], now=after(61))
    channel = FakeChannel()
    deliver(breached, channel, 62)
    assert channel.took[0].excerpt == ""


def test_the_golden_example_is_raised_on_monday_at_a_quarter_past_nine(desk: Desk) -> None:
    office = replace(WEEKDAYS_9_TO_17, timezone="UTC")
    desk.rules = Rules(TriagePolicy(), [PolicyRule(SlaPolicy("o", office, first_response_seconds=1800))])
    desk.take(post("1", at=utc("2026-11-20 16:45")))
    rules = watch.AlertRules(kinds=frozenset({BREACH}))
    monday = utc("2026-11-23 09:15")
    assert watch.raise_alerts(desk.store, rules, ["chat"], monday - timedelta(milliseconds=1)) == 0
    assert watch.raise_alerts(desk.store, rules, ["chat"], monday) == 1
    alert: Alert = waiting(desk)[0].alert
    assert (alert.at, alert.window) == (monday, f"first_response:{monday.isoformat()}")


def test_a_warning_is_overtaken_although_the_resolution_is_overdue(desk: Desk) -> None:
    """The case still has a due time, and yet nobody waits for an answer."""
    desk.take(post("1"))
    desk.answer(FakeSender(), now=after(hours=25))
    desk.take(post("2", "Hello?", after(hours=26)))
    watch.raise_alerts(desk.store, watch.AlertRules(kinds=frozenset({AHEAD})), ["chat"], after(hours=26.4))
    desk.answer(FakeSender(), now=after(hours=26.45))
    assert desk.case().due_at is not None
    channel = FakeChannel()
    deliveries.deliver_due(desk.store, {"chat": channel}, after(hours=26.5))
    assert channel.took == []


def test_a_deliverer_with_an_old_list_does_not_try_what_another_has_just_tried(desk: Desk) -> None:
    desk.take(post("1"), post("2", thread="t2", by="bob"))
    sweep(desk, 61, watch.AlertRules(kinds=frozenset({BREACH})))
    broken = FakeChannel("chat", *[DeliveryError("503")] * 9)

    class Slow(FakeChannel):
        def deliver(self, notice: Notice) -> None:
            if not broken.tries:
                deliveries.deliver_due(desk.store, {"chat": broken}, after(61))
            super().deliver(notice)

    slow = Slow()
    assert deliver(desk, slow, 61) == 1
    assert (slow.tries, broken.tries) == (1, 1)
    (other,) = waiting(desk)
    assert (other.attempts, other.last_error) == (1, "503")
