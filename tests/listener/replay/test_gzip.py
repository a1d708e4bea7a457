"""Gzipped files: told by their bytes, and read up to where they are damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listener.platforms.replay.source import ReplaySource
from tests.fakes.clock import Clock
from tests.fakes.replay_file import post, write
from tests.listener.replay.reading import drain, ids, reasons


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
