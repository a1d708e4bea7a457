"""What every source promises: nothing lost, nothing doubled, whatever fails and whenever it is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.errors import SourceError
from desk.ports import Batch, Source
from tests.contracts import platforms
from tests.contracts.rig import Rig


@pytest.fixture(params=platforms.every_feed())
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with platforms.open_rig(request.param, tmp_path) as rig:
        yield rig


def keys(batches: list[Batch]) -> list[str]:
    return [mention.id for batch in batches for mention in batch.mentions]


def bad_positions(batches: list[Batch]) -> list[str]:
    return [bad.position for batch in batches for bad in batch.bad]


def drain(source: Source, cursor: str | None = None) -> list[Batch]:
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
        assert len(batches) < 50, "the source never comes to an end"
    return batches


def test_every_post_comes_once(rig: Rig) -> None:
    found = keys(drain(rig.open_source()))

    assert sorted(found) == sorted(rig.expected)


def test_bad_records_are_set_aside_each_with_its_place(rig: Rig) -> None:
    batches = drain(rig.open_source())

    places = bad_positions(batches)
    assert len(places) == len(set(places)) == 2
    for batch in batches:
        for bad in batch.bad:
            assert bad.reason
            assert isinstance(bad.raw, str)


def test_a_new_process_goes_on_from_every_cursor(rig: Rig) -> None:
    batches = [rig.open_source().fetch(None)]
    while batches[-1].more:
        batches.append(rig.open_source().fetch(batches[-1].cursor))

    assert sorted(keys(batches)) == sorted(rig.expected)
    assert len(bad_positions(batches)) == 2


def test_the_same_cursor_gives_the_same_posts(rig: Rig) -> None:
    source = rig.open_source()
    first = source.fetch(None)

    once, again = source.fetch(first.cursor), source.fetch(first.cursor)

    assert keys([once]) == keys([again])
    assert bad_positions([once]) == bad_positions([again])
    assert once.cursor == again.cursor


def test_at_the_end_nothing_more_comes_and_the_cursor_stays(rig: Rig) -> None:
    source = rig.open_source()
    last = drain(source)[-1]

    after = source.fetch(last.cursor)

    assert (keys([after]), bad_positions([after]), after.more) == ([], [], False)
    assert source.fetch(after.cursor).cursor == after.cursor


@pytest.mark.parametrize("pages", [0, 1, 2])
def test_a_failure_between_pages_loses_and_doubles_nothing(rig: Rig, pages: int) -> None:
    source = rig.open_source()
    batches: list[Batch] = []
    for _ in range(pages):
        batches.append(source.fetch(batches[-1].cursor if batches else None))
    cursor = batches[-1].cursor if batches else None
    rig.break_it()
    with pytest.raises(SourceError) as caught:
        rig.open_source().fetch(cursor)
    rig.mend_it()

    batches += drain(source, cursor)

    assert str(caught.value).strip()
    assert sorted(keys(batches)) == sorted(rig.expected)


def test_a_cursor_is_json_text(rig: Rig) -> None:
    for batch in drain(rig.open_source()):
        assert isinstance(json.loads(batch.cursor or ""), dict)


def test_times_are_aware_and_ids_carry_the_platform(rig: Rig) -> None:
    for batch in drain(rig.open_source()):
        for mention in batch.mentions:
            assert mention.created_at.utcoffset() is not None
            assert mention.received_at.utcoffset() is not None
            assert mention.id == f"{mention.source}:{mention.external_id}"


def test_a_source_keeps_its_name_and_says_how_often_to_ask(rig: Rig) -> None:
    assert rig.open_source().name == rig.open_source().name != ""
    assert rig.open_source().interval_seconds > 0
