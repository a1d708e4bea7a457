"""Alerts on their way to a chat: tried again, sent once, and not sent when they are overtaken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from desk import deliveries, watch
from desk.errors import DeliveryError
from desk.model.alert import DeliveryState, Notice
from desk.store import Store
from tests.desk.alerting import AHEAD, BREACH, sweep, waiting
from tests.kernel import Desk, FakeChannel, FakeSender, after, brand_post, post


def deliver(desk: Desk, channel: FakeChannel, minute: float) -> int:
    return deliveries.deliver_due(desk.store, {channel.name: channel}, after(minute))


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
