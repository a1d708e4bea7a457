"""A replay at a pace: posts come when their time has come, their own or one moved to now."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from listener.platforms.replay.source import ReplaySource
from tests.fakes.clock import START, Clock
from tests.fakes.replay_file import DAY, post, write
from tests.listener.replay.reading import drain, ids


def test_at_its_own_pace_a_post_comes_when_the_files_time_reaches_it(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "f", [post(n) for n in range(4)])
    source = ReplaySource(path, now=clock, speed=60)

    first = source.fetch(None)
    assert ids([first]) == ["0"]
    assert not first.more
    clock.advance(0.5)
    second = source.fetch(first.cursor)
    assert ids([second]) == []
    clock.advance(1.6)
    third = source.fetch(second.cursor)

    assert ids([third]) == ["1", "2"]
    assert third.mentions[0].created_at == DAY + timedelta(minutes=1)
    assert source.interval_seconds <= 1


def test_rebased_the_past_comes_at_once_and_the_rest_as_if_it_happened_now(
    tmp_path: Path, clock: Clock
) -> None:
    path = write(tmp_path / "f", [post(0), post(5), post(10), post(30)])
    source = ReplaySource(
        path, now=clock, speed=10, rebase=True, live_from=DAY + timedelta(minutes=10), batch_size=2
    )

    batches = drain(source)
    assert [mention.created_at for batch in batches for mention in batch.mentions] == [
        START - timedelta(minutes=10),
        START - timedelta(minutes=5),
        START,
    ]
    clock.advance(119)
    assert not source.fetch(batches[-1].cursor).mentions
    clock.advance(1)
    # A restart keeps the anchor: it is in the cursor.
    later = ReplaySource(path, now=clock, speed=10, rebase=True, live_from=DAY + timedelta(minutes=10))
    [last] = later.fetch(batches[-1].cursor).mentions
    assert (last.external_id, last.created_at) == ("30", START + timedelta(minutes=2))
    assert last.received_at == START + timedelta(minutes=2)


def test_rebased_without_live_from_the_first_post_is_now(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "f", [b"broken", post(3), post(4)])

    batch = ReplaySource(path, now=clock, speed=1, rebase=True).fetch(None)

    assert [mention.created_at for mention in batch.mentions] == [START]
    assert len(batch.bad) == 1


def test_a_very_slow_replay_waits_instead_of_failing(tmp_path: Path, clock: Clock) -> None:
    source = ReplaySource(write(tmp_path / "f", [post(0), post(9)]), now=clock, speed=1e-300)

    first = source.fetch(None)
    clock.advance(3600)

    assert ids([first, source.fetch(first.cursor)]) == ["0"]
