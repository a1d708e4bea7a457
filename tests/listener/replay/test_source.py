"""The replay of a file: batches and cursors, files that are away or replaced, settings that cannot work."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pytest

from desk.errors import InputError, SourceError
from listener.platforms.replay.source import ReplaySource, sources_in
from tests.fakes.clock import Clock
from tests.fakes.replay_file import DAY, post, write
from tests.listener.replay.reading import drain, ids


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), b"\n\n"])
def test_an_empty_file_is_simply_at_its_end(tmp_path: Path, clock: Clock, content: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)

    batch = ReplaySource(path, now=clock).fetch(None)

    assert (list(batch.mentions), list(batch.bad), batch.more) == ([], [], False)


def test_a_file_that_cannot_be_opened_is_said_with_its_name(tmp_path: Path, clock: Clock) -> None:
    for path, words in (
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "a\0b", "cannot be opened"),
    ):
        with pytest.raises(SourceError, match=words) as caught:
            ReplaySource(path, now=clock).fetch(None)
        assert caught.value.permanent
        with pytest.raises(SourceError):
            sources_in(path)


def test_a_file_without_rights_is_said_too(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "f", [post(1)])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, whom no right stops
    with pytest.raises(SourceError, match="may not be read by this user") as caught:
        ReplaySource(path, now=clock).fetch(None)
    assert caught.value.permanent


def test_a_shorter_file_in_the_old_ones_place_is_noticed(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "f", [post(n) for n in range(5)])
    cursor = drain(ReplaySource(path, now=clock))[-1].cursor
    write(path, [post(9)])

    with pytest.raises(SourceError, match="it was replaced") as caught:
        ReplaySource(path, now=clock).fetch(cursor)
    assert caught.value.permanent


@pytest.mark.parametrize("cursor", ["", "nonsense", "[]", "{}", '{"line": "x"}', '{"line": 1, "anchor": 7}'])
def test_a_foreign_cursor_is_refused_in_words(tmp_path: Path, clock: Clock, cursor: str) -> None:
    with pytest.raises(SourceError, match="not one that a replay wrote"):
        ReplaySource(write(tmp_path / "f", [post(1)]), now=clock).fetch(cursor)


@pytest.mark.parametrize(
    "settings_",
    [{"speed": -1}, {"speed": float("nan")}, {"rebase": True}, {"batch_size": 0}, {"live_from": DAY}],
)
def test_settings_that_contradict_each_other_are_refused(clock: Clock, settings_: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        ReplaySource("f", now=clock, **settings_)


def test_a_file_that_was_away_for_a_while_loses_nothing(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "f", [post(n) for n in range(5)])
    source = ReplaySource(path, now=clock, batch_size=2)
    first = source.fetch(None)
    hidden = path.rename(tmp_path / "hidden")
    with pytest.raises(SourceError):
        ReplaySource(path, now=clock).fetch(first.cursor)
    hidden.rename(path)

    assert ids([first, *drain(source, first.cursor)]) == ["0", "1", "2", "3", "4"]


def test_a_disk_that_fails_once_loses_nothing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "f", [post(n) for n in range(5)])
    really_open = Path.open

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            monkeypatch.setattr(Path, "open", really_open)
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", lambda *_: Failing())
    source = ReplaySource(path, now=clock)
    with pytest.raises(SourceError, match="Input/output error") as caught:
        source.fetch(None)

    assert not caught.value.permanent
    assert ids(drain(source)) == ["0", "1", "2", "3", "4"]


def test_a_batch_is_bounded_even_where_every_line_is_bad(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "f", [b"broken"] * 25)

    batches = drain(ReplaySource(path, now=clock, batch_size=10))

    assert [len(batch.bad) for batch in batches] == [10, 10, 5]


def test_the_platforms_of_a_file_are_listed(tmp_path: Path) -> None:
    path = write(tmp_path / "f", [post(1), b"broken", post(2, source="mastodon"), post(3)])

    assert sources_in(path) == ("mastodon", "x")
