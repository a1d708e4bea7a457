"""The lines of a replay: every one counts once, whatever it holds."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.model.mention import Replyable
from listener.platforms.replay.source import ReplaySource
from tests.fakes.clock import START, Clock
from tests.fakes.replay_file import post, write
from tests.listener.replay.reading import drain, ids, reasons


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
