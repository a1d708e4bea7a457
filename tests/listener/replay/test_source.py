"""The replay of a file: every line counts once, whatever it holds and however often the run is killed."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.errors import InputError, SourceError
from desk.model.mention import Replyable
from desk.ports import Batch
from listener.platforms.replay.source import ReplaySource, sources_in
from tests.fakes.clock import START, Clock
from tests.fakes.replay_file import DAY, post, write


def drain(source: ReplaySource, cursor: str | None = None) -> list[Batch]:
    batches = [source.fetch(cursor)]
    while batches[-1].more:
        batches.append(source.fetch(batches[-1].cursor))
    return batches


def ids(batches: Sequence[Batch]) -> list[str]:
    return [mention.external_id for batch in batches for mention in batch.mentions]


def reasons(batches: Sequence[Batch]) -> dict[str, str]:
    return {bad.position: bad.reason for batch in batches for bad in batch.bad}


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_told_plain_or_gzip_by_its_first_bytes(tmp_path: Path, clock: Clock, packed: bool) -> None:
    path = write(
        tmp_path / ("posts.jsonl" if packed else "posts.gz"), [post(n) for n in range(7)], packed=packed
    )

    source = ReplaySource(path, now=clock, batch_size=3)
    first = source.fetch(None)
    assert not source.ended
    batches = [first, *drain(source, first.cursor)]

    assert ids(batches) == [str(n) for n in range(7)]
    assert [len(batch.mentions) for batch in batches] == [3, 3, 1]
    assert source.ended
    resumed = ReplaySource(path, now=clock)
    assert not resumed.fetch(batches[-1].cursor).mentions
    assert resumed.ended


def test_every_field_of_a_line_reaches_the_mention(tmp_path: Path, clock: Clock) -> None:
    line = post(
        1,
        in_reply_to="0",
        conversation_id="0",
        author={"id": "b", "handle": "Fernway", "name": "Fernway Help"},
        from_brand=True,
        automatic=True,
        private=True,
        lang="pt-BR",
        url="https://x.com/ana/status/1",
        replyable=False,
        replyable_reason="not summoned",
        created_at="2024-05-01T10:00:00+02:00",
    )
    [batch] = drain(ReplaySource(write(tmp_path / "f", [line]), now=clock))
    [mention] = batch.mentions

    assert (mention.id, mention.conversation, mention.in_reply_to) == ("x:1", "x:0", "0")
    assert (mention.author.external_id, mention.author.handle, mention.author.name) == (
        "b",
        "Fernway",
        "Fernway Help",
    )
    assert mention.created_at == datetime(2024, 5, 1, 8, tzinfo=UTC)
    assert mention.received_at == START
    assert (mention.from_brand, mention.automatic, mention.private, mention.language) == (
        True,
        True,
        True,
        "pt",
    )
    assert mention.url == "https://x.com/ana/status/1"
    assert mention.replyable == Replyable(allowed=False, reason="not summoned")


BAD_LINES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b'{"id": ', "not JSON"),
    "not an object": (b'["x"]', "not a JSON object"),
    "not UTF-8": (b'{"id": "\xff"}', "not UTF-8"),
    "nested": (b"[" * 200_000, "nested too deeply"),
    "an enormous number": (b"9" * 5_000, "not JSON"),
    "no id": (json.dumps(post(1, id=None)).encode(), '"id" is missing'),
    "id a number": (json.dumps(post(1, id=5)).encode(), '"id" must be text'),
    "id half a character": (json.dumps(post(1, id="\ud800")).encode(), '"id" is no id'),
    "no time": (json.dumps(post(1, created_at=None)).encode(), '"created_at" is missing'),
    "bad time": (json.dumps(post(1, created_at="yesterday")).encode(), "not an ISO 8601 time"),
    "no timezone": (json.dumps(post(1, created_at="2024-05-01T08:00:00")).encode(), "no timezone"),
    "year 9999": (json.dumps(post(1, created_at="9999-12-31T23:59:59-14:00")).encode(), "outside 2000"),
    "no author": (json.dumps(post(1, author=None)).encode(), '"author" is missing'),
    "author a name": (json.dumps(post(1, author="ana")).encode(), '"author" must be an object'),
    "author without id": (json.dumps(post(1, author={"handle": "a"})).encode(), 'author: "id" is missing'),
    "no text": (json.dumps({k: v for k, v in post(1).items() if k != "text"}).encode(), '"text" is missing'),
    "text a list": (json.dumps(post(1, text=["a"])).encode(), '"text" must be text'),
    "2 MB of text": (json.dumps(post(1, text="x" * 2_000_000)).encode(), "2,000,000 characters"),
    "flag a word": (json.dumps(post(1, from_brand="yes")).encode(), '"from_brand" must be true or false'),
    "source with a colon": (json.dumps(post(1, source="x:y")).encode(), '"source" must be'),
    "answers an object": (json.dumps(post(1, answers={})).encode(), '"answers" must be a list'),
    "answer in no time": (
        json.dumps(post(1, answers=[{"after_seconds": float("nan"), "text": "a"}])).encode(),
        '"after_seconds" must be',
    ),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, clock: Clock, line: bytes, reason: str
) -> None:
    path = write(tmp_path / "f", [post(0), line, post(2)])

    [batch] = drain(ReplaySource(path, now=clock))

    assert [mention.external_id for mention in batch.mentions] == ["0", "2"]
    [bad] = batch.bad
    assert bad.position == "line 2"
    assert reason in bad.reason
    assert len(bad.raw) <= 10_000
    assert line.decode("utf-8", errors="replace").startswith(bad.raw[:50])
    bad.raw.encode()  # a store can keep it


def test_what_text_cannot_be_stored_with_is_mended_and_the_post_kept(tmp_path: Path, clock: Clock) -> None:
    line = post(1, text="broken \ud83d emoji, \0 and all", author={"id": "a", "handle": "\udc00na"})

    [batch] = drain(ReplaySource(write(tmp_path / "f", [line]), now=clock))

    assert batch.mentions[0].text == "broken \ufffd emoji, \ufffd and all"
    assert batch.mentions[0].author.handle == "\ufffdna"


def test_empty_lines_carriage_returns_and_a_byte_order_mark_are_nothing(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "f"
    path.write_bytes(
        b"\xef\xbb\xbf" + json.dumps(post(1)).encode() + b"\r\n\r\n  \n" + json.dumps(post(2)).encode()
    )

    batches = drain(ReplaySource(path, now=clock))

    assert ids(batches) == ["1", "2"]
    assert reasons(batches) == {}


def test_a_gigantic_line_is_cut_and_does_not_take_the_memory(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "f.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(json.dumps(post(1)).encode() + b"\n")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + json.dumps(post(3)).encode())
    tracemalloc.start()
    try:
        batches = drain(ReplaySource(path, now=clock))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert ids(batches) == ["1", "3"]
    assert "longer than 8,388,608 bytes" in reasons(batches)["line 2"]
    assert peak < 40_000_000


def test_a_truncated_gzip_gives_every_whole_line_and_says_where_it_broke_off(
    tmp_path: Path, clock: Clock
) -> None:
    lines = [post(n, text=f"{n * 7919 % 1000:03} words that differ {n}") for n in range(200)]
    path = write(tmp_path / "f.gz", lines, packed=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])

    batches = drain(ReplaySource(path, now=clock))

    good = ids(batches)
    assert 20 < len(good) < 200
    assert good == [str(n) for n in range(len(good))]
    [(position, reason)] = reasons(batches).items()
    assert position == f"line {len(good) + 1}"
    assert f"breaks off here; what follows line {len(good)} is lost" in reason
    assert not batches[-1].more
    again = ReplaySource(path, now=clock).fetch(batches[-1].cursor)
    assert (again.mentions, again.bad, again.more) == ([], [], False)


def test_a_damaged_gzip_gives_what_stands_before_the_damage(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "f.gz"
    first = gzip.compress(b"".join(json.dumps(post(n)).encode() + b"\n" for n in range(50)))
    path.write_bytes(first + b"this is no gzip member")

    batches = drain(ReplaySource(path, now=clock))

    assert ids(batches) == [str(n) for n in range(50)]
    assert list(reasons(batches)) == ["line 51"]


def test_gzip_members_in_a_row_and_padding_are_one_file(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "f.gz"
    members = [gzip.compress(json.dumps(post(n)).encode() + b"\n") for n in range(3)]
    path.write_bytes(b"".join(members) + b"\0" * 512)

    batches = drain(ReplaySource(path, now=clock))

    assert ids(batches) == ["0", "1", "2"]
    assert reasons(batches) == {}


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


_GOOD = st.integers(0, 10_000).map(post)
_ANY_LINE = st.one_of(
    _GOOD,
    st.binary(max_size=60).map(lambda raw: b"\xfe" + raw.replace(b"\n", b"")),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
    st.tuples(_GOOD, st.sampled_from(sorted(post(0))), st.none() | st.integers() | st.text(max_size=9)).map(
        lambda parts: parts[0] | {parts[1]: parts[2]}
    ),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(_ANY_LINE, max_size=25), size=st.integers(1, 7), packed=st.booleans())
def test_good_and_bad_lines_are_all_lines_and_any_cursor_resumes_to_the_same(
    tmp_path: Path, lines: list[object], size: int, packed: bool
) -> None:
    path = write(tmp_path / "f", lines, packed=packed)
    clock = Clock()

    batches = drain(ReplaySource(path, now=clock, batch_size=size))

    assert sum(len(batch.mentions) + len(batch.bad) for batch in batches) == len(lines)
    assert len(reasons(batches)) == sum(len(batch.bad) for batch in batches)
    for done, batch in enumerate(batches[:-1], start=1):
        resumed = drain(ReplaySource(path, now=clock, batch_size=size), batch.cursor)
        assert resumed == batches[done:]
    at_end = ReplaySource(path, now=clock, batch_size=size).fetch(batches[-1].cursor)
    assert (list(at_end.mentions), list(at_end.bad), at_end.more) == ([], [], False)


@given(cut=st.integers(0, 2_000), flip=st.none() | st.tuples(st.integers(0, 2_000), st.integers(1, 255)))
def test_a_gzip_damaged_anywhere_gives_whole_lines_or_says_where_it_broke(
    tmp_path: Path, cut: int, flip: tuple[int, int] | None
) -> None:
    lines = [json.dumps(post(n, text=f"{n * 7919 % 1000} words")).encode() for n in range(60)]
    content = bytearray(gzip.compress(b"\n".join(lines[:30]) + b"\n") + gzip.compress(b"\n".join(lines[30:])))
    if flip is not None:
        content[flip[0] % len(content)] ^= flip[1]
    path = tmp_path / "f"
    path.write_bytes(content[: max(len(content) - cut, 2)])

    batches = drain(ReplaySource(path, now=Clock(), batch_size=7))

    if flip is None:
        good = ids(batches)
        assert good == [str(n) for n in range(len(good))]
        assert len(good) == 60 or reasons(batches)
    assert drain(ReplaySource(path, now=Clock(), batch_size=7)) == batches
